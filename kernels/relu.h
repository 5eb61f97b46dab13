#pragma once

#include "core/base/dtype.h"
#include "core/runtime/kernel_slot.h"

namespace slipway {

/// y = max(x, slope * x), elementwise over `count` elements of memory; slope 0 is relu. NaN
/// stays NaN. In place if y == x.
struct ReluArgs {
  DType dtype;  // float32, float64; cuda: also float16, bfloat16
  const void* x;
  void* y;
  std::int64_t count;
  double slope;
};
inline constinit KernelSlot<ReluArgs> relu_forward{"relu_forward"};

/// dx = g where y > 0, else slope * g, from the output; g = dy + dy_too, two gradients that meet here. In
/// place if dx is dy or dy_too.
struct ReluGradientArgs {
  DType dtype;
  const void* dy;
  const void* dy_too;  // or null
  const void* y;
  void* dx;
  std::int64_t count;
  double slope;
};
inline constinit KernelSlot<ReluGradientArgs> relu_backward{"relu_backward"};

}  // namespace slipway
