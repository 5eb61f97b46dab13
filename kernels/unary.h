#pragma once

#include "core/base/dtype.h"
#include "core/runtime/kernel_slot.h"

namespace slipway {

/// gelu is x Φ(x); gelu_tanh its approximation by tanh (Hendrycks and Gimpel, 2016).
enum class UnaryFunction {
  neg,
  exp,
  log,
  sqrt,
  square,
  reciprocal,
  abs,
  sigmoid,
  tanh,
  silu,
  softplus,
  gelu,
  gelu_tanh
};

/// Whether the derivative is computed from y = f(x) rather than from x.
constexpr bool derivative_from_output(UnaryFunction function) {
  switch (function) {
    case UnaryFunction::exp:
    case UnaryFunction::sqrt:
    case UnaryFunction::reciprocal:
    case UnaryFunction::sigmoid:
    case UnaryFunction::tanh:
      return true;
    default:
      return false;
  }
}

/// y = f(x), elementwise over `count` elements of memory. In place if y == x.
struct UnaryArgs {
  UnaryFunction function;
  DType dtype;  // float32, float64; cuda: also float16, bfloat16
  const void* x;
  void* y;
  std::int64_t count;
};
inline constinit KernelSlot<UnaryArgs> unary_forward{"unary_forward"};

/// dx = dy f'(v), where v is y if derivative_from_output, else x. In place if dx is dy or v.
struct UnaryGradientArgs {
  UnaryFunction function;
  DType dtype;
  const void* dy;
  const void* v;
  void* dx;
  std::int64_t count;
};
inline constinit KernelSlot<UnaryGradientArgs> unary_backward{"unary_backward"};

}  // namespace slipway
