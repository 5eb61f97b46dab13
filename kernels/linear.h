#pragma once

#include "core/runtime/prepared_kernel.h"
#include "kernels/activation.h"

namespace slipway {

/// y = activation(x weightᵀ + bias) for row-major x [rows, in] and y [rows, out], and its gradients. Types
/// are those of the values, or of the gradients that stand in their place. float32, float64.
struct LinearProblem {
  ValueType x;       // [rows, in]
  ValueType weight;  // [out, in]
  ValueType y;       // [rows, out]
  bool has_bias = false;
  Activation activation = Activation::none;
};

/// Where the weight should lie; depends on its shape only.
inline constinit DeviceFunction<Layout(const Stream&, const ValueType&)> linear_weight_layout{
    "linear_weight_layout"};

struct LinearArgs {
  const void* x;
  const void* weight;
  const void* bias;  // [out] or null
  void* y;
  std::byte* scratch;
};
inline constinit PreparedKernelSlot<LinearProblem, LinearArgs> linear_forward{"linear_forward"};

/// dx = dy weight
struct LinearBackwardDataArgs {
  const void* dy;
  const void* weight;
  void* dx;
  std::byte* scratch;
};
inline constinit PreparedKernelSlot<LinearProblem, LinearBackwardDataArgs> linear_backward_data{
    "linear_backward_data"};

/// dweight = dyᵀ x, dbias = sum of dy over the rows
struct LinearBackwardWeightsArgs {
  const void* x;
  const void* dy;
  void* dweight;
  void* dbias;  // [out] or null
  std::byte* scratch;
};
inline constinit PreparedKernelSlot<LinearProblem, LinearBackwardWeightsArgs> linear_backward_weights{
    "linear_backward_weights"};

}  // namespace slipway
