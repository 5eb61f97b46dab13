#pragma once

#include <cstdint>

#include "core/base/dtype.h"
#include "core/runtime/kernel_slot.h"

namespace slipway {

/// y = x * s over `count` elements of memory, s in device memory. In place if y == x.
struct ScaleArgs {
  DType dtype;  // of x, scale, y: float32, float64; cuda: also float16, bfloat16
  const void* x;
  const void* scale;  // []
  void* y;
  std::int64_t count;
};
inline constinit KernelSlot<ScaleArgs> scale_kernel{"scale"};

}  // namespace slipway
