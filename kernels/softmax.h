#pragma once

#include <cstdint>

#include "core/base/dtype.h"
#include "core/runtime/kernel_slot.h"

namespace slipway {

enum class SoftmaxKind { softmax, log_softmax };

/// Along the middle axis: y = e^x / Σ e^x, or its logarithm. In place if y == x.
struct SoftmaxArgs {
  DType dtype;  // float32, float64; cuda: also float16, bfloat16
  SoftmaxKind kind;
  const void* x;  // [outer, axis, inner]
  void* y;        // [outer, axis, inner]
  std::int64_t outer;
  std::int64_t axis;
  std::int64_t inner;
};
inline constinit KernelSlot<SoftmaxArgs> softmax_forward{"softmax_forward"};

/// softmax: dx = y (dy - Σ dy y);  log_softmax: dx = dy - e^y Σ dy. In place if dx == dy.
struct SoftmaxGradientArgs {
  DType dtype;  // float32, float64; cuda: also float16, bfloat16
  SoftmaxKind kind;
  const void* dy;  // [outer, axis, inner]
  const void* y;
  void* dx;
  std::int64_t outer;
  std::int64_t axis;
  std::int64_t inner;
};
inline constinit KernelSlot<SoftmaxGradientArgs> softmax_backward{"softmax_backward"};

}  // namespace slipway
