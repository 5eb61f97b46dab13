#pragma once

/// What CUDA C++ has and C++ has not, for kernels compiled as plain C++: nvidia's own headers, and behind
/// them host versions of what only exists on devices.

// Unless these are defined already, the headers leave them empty, and __shared__ would silently mean nothing.
#define __global__
#define __launch_bounds__(...)
#define __constant__ __attribute__((section("simt_constant")))
#if defined(SLIPWAY_SIMT_CHECKED)
// The gap before each variable shows what runs over the end of its neighbour.
#define SLIPWAY_SIMT_JOIN_(A, B) A##B
#define SLIPWAY_SIMT_JOIN(A, B) SLIPWAY_SIMT_JOIN_(A, B)
#define __shared__                                                                            \
  static_assert(true, "write __shared__ before alignas");                                     \
  thread_local char SLIPWAY_SIMT_JOIN(simt_redzone_, __COUNTER__)[256] __attribute__((used)); \
  thread_local
#else
#define __shared__                                        \
  static_assert(true, "write __shared__ before alignas"); \
  thread_local
#endif
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
