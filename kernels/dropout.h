#pragma once

#include <cstdint>

#include "core/base/dtype.h"
#include "core/runtime/kernel_slot.h"

namespace slipway {

/// y = x / (1 - p) where the element is kept, 0 with probability p: a function of key, step and the
/// element's index in the whole batch. In place if y == x. The mask is never stored: applied to dy it gives
/// dx.
struct DropoutArgs {
  DType dtype;  // float32, float64; cuda: also float16, bfloat16
  const void* x;
  void* y;
  std::int64_t first;  // index of x[0]: greater than 0 where x is not the first part of its batch
  std::int64_t count;
  double probability;  // [0, 1)
  std::uint64_t key;
  const std::int64_t* step;  // []
};
inline constinit KernelSlot<DropoutArgs> dropout_kernel{"dropout"};

}  // namespace slipway
