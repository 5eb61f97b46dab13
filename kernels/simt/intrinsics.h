#pragma once

/// What CUDA C++ has and C++ has not, for kernels compiled as plain C++: nvidia's own headers, and behind
/// them host versions of what only exists on devices.

// Unless these are defined already, the headers leave them empty, and __shared__ would silently mean nothing.
#define __global__
#define __launch_bounds__(...)
#define __shared__ thread_local
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include "kernels/simt/intrinsics/atomic.h"
#include "kernels/simt/intrinsics/collective.h"
#include "kernels/simt/intrinsics/half.h"
#include "kernels/simt/intrinsics/index.h"
#include "kernels/simt/intrinsics/integer.h"
#include "kernels/simt/intrinsics/math.h"
#include "kernels/simt/intrinsics/memory.h"
