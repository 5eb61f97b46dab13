#pragma once

#include "core/runtime/prepared_kernel.h"
#include "kernels/activation.h"
#include "kernels/window2d.h"

namespace slipway {

/// One convolution and its gradients:
///   y[n, o, h, w] = activation(bias[o] + sum_{i, p, q} weight[o, i, p, q] x[n, i, h s + p d - pad, ...] +
///                   residual[n, o, h, w])
/// Types are those of the values, or of the gradients that stand in their place. float32, float64.
struct Conv2dProblem {
  ValueType x;       // [batch, in, height, width]
  ValueType weight;  // [out, in / groups, kernel height, kernel width]
  ValueType y;       // [batch, out, height, width]
  Window2d window;
  std::int64_t groups = 1;
  bool has_bias = false;      // forward: add it; backward-weights: compute its gradient
  bool has_residual = false;  // forward only
  Activation activation = Activation::none;
};

struct Conv2dLayouts {
  Layout x, weight, y;
};
/// Where x, weight and y should lie. The weight's layout depends on its shape and the groups only, so that
/// graphs of any batch size share it with the gradients.
inline constinit DeviceFunction<Conv2dLayouts(const Stream&, const Conv2dProblem&)> conv2d_layouts{
    "conv2d_layouts"};

struct Conv2dArgs {
  const void* x;
  const void* weight;
  const void* bias;      // [out] or null
  const void* residual;  // like y, or null; may be y
  void* y;
  std::byte* scratch;
};
inline constinit PreparedKernelSlot<Conv2dProblem, Conv2dArgs> conv2d_forward{"conv2d_forward"};

struct Conv2dBackwardDataArgs {
  const void* dy;
  const void* weight;
  void* dx;
  std::byte* scratch;
};
inline constinit PreparedKernelSlot<Conv2dProblem, Conv2dBackwardDataArgs> conv2d_backward_data{
    "conv2d_backward_data"};

struct Conv2dBackwardWeightsArgs {
  const void* x;
  const void* dy;
  void* dweight;
  void* dbias;  // [out] or null
  std::byte* scratch;
};
inline constinit PreparedKernelSlot<Conv2dProblem, Conv2dBackwardWeightsArgs> conv2d_backward_weights{
    "conv2d_backward_weights"};

}  // namespace slipway
