#pragma once

#include <cstdint>

#include "core/base/dtype.h"
#include "core/runtime/kernel_slot.h"

namespace slipway {

/// The sum over `count` elements of a loss f(x, t) divided by `divisor`, and its gradient with respect to x.
/// One slot a loss below.
struct ElementLossArgs {
  DType dtype;         // of x, weights, loss, dx: float32, float64; cuda: also float16, bfloat16
  DType target_dtype;  // that, or int64
  const void* x;
  const void* target;
  const void* weights;    // [channels], or null: all 1
  std::int64_t channels;  // element i has weight (i / inner) % channels
  std::int64_t inner;
  void* loss;  // []
  void* dx;    // may be x; null: loss only
  std::int64_t count;
  std::int64_t divisor;  // count for the mean; the elements of the whole batch where x is a part of one
  double parameter;
  double* partial;  // scratch, [kParts]

  static constexpr std::int64_t kParts = 1024;
};

/// (x - t)²
inline constinit KernelSlot<ElementLossArgs> squared_error_kernel{"squared_error"};
/// |x - t|
inline constinit KernelSlot<ElementLossArgs> absolute_error_kernel{"absolute_error"};
/// With d = parameter: (x - t)² / 2 where |x - t| <= d, else d (|x - t| - d / 2)
inline constinit KernelSlot<ElementLossArgs> huber_kernel{"huber"};
/// -(w t log σ(x) + (1 - t) log(1 - σ(x)))
inline constinit KernelSlot<ElementLossArgs> binary_cross_entropy_kernel{"binary_cross_entropy"};

}  // namespace slipway
