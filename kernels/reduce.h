#pragma once

#include "core/base/dtype.h"
#include "core/runtime/kernel_slot.h"

namespace slipway {

enum class ReduceKernel { sum, maximum, log_sum_exp };

/// x[outer, count, inner] -> y[outer, ceil(count / chunk), inner], row-major: each `chunk` elements along the
/// middle axis become one, divided by `divisor`. The order of additions depends on these sizes only. A
/// maximum is NaN if an element is; log Σ e^x of such results is that of all elements. count == 0 gives one
/// chunk of nothing: 0, or -infinity.
struct ReduceArgs {
  ReduceKernel function;
  DType x_dtype;  // float32, float64; cuda: also float16, bfloat16
  DType y_dtype;  // x's; cuda: one may also be the accumulator of the other
  const void* x;
  void* y;
  std::int64_t outer;
  std::int64_t count;
  std::int64_t inner;
  std::int64_t chunk;
  double divisor = 1;  // of a sum
};
inline constinit KernelSlot<ReduceArgs> reduce{"reduce"};

/// x[outer, count, inner] -> y[outer, inner], the index of the first maximum; NaN counts as the greatest.
struct ArgMaxArgs {
  DType dtype;  // float32, float64; cuda: also float16, bfloat16
  const void* x;
  std::int64_t* y;
  std::int64_t outer;
  std::int64_t count;
  std::int64_t inner;
};
inline constinit KernelSlot<ArgMaxArgs> arg_max{"arg_max"};

}  // namespace slipway
