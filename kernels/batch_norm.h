#pragma once

#include "core/runtime/kernel_slot.h"
#include "core/runtime/prepared_kernel.h"
#include "core/tensor/tensor.h"
#include "kernels/activation.h"

namespace slipway {

/// Batch normalisation over every axis but axis 1, after Ioffe and Szegedy, 2015:
///   y = activation((x - mean) * rstd * scale + shift + residual),  rstd = 1 / sqrt(variance + epsilon)
/// x [batch, channels, ...] in any layout whose channels or pixels lie side by side; residual and y like x;
/// everything else [channels], of the accumulator of x's dtype. y may be x's or residual's memory. float32,
/// float64; cuda: also float16, bfloat16, row-major only.
struct BatchNormTrainingArgs {
  ValueType x_type;
  const void* x;
  const void* scale;
  const void* shift;
  const void* residual;  // or null
  void* y;
  void* mean;              // written: of this batch
  void* rstd;              // written: of this batch
  void* running_mean;      // updated: (1 - momentum) * running + momentum * batch
  void* running_variance;  // the same, of the unbiased variance
  double epsilon;
  double momentum;
  Activation activation;
  std::byte* scratch;
};
inline constinit KernelSlot<BatchNormTrainingArgs> batch_norm_training{"batch_norm_training"};

struct BatchNormInferenceArgs {
  ValueType x_type;
  const void* x;
  const void* scale;
  const void* shift;
  const void* mean;
  const void* rstd;      // or null
  const void* variance;  // where rstd is null
  const void* residual;  // or null
  void* y;
  double epsilon;
  Activation activation;
};
inline constinit KernelSlot<BatchNormInferenceArgs> batch_norm_inference{"batch_norm_inference"};

/// With g = dy where y > 0 (if y is given: relu), else dy, and n values a channel:
///   dshift = sum g;  dscale = sum g (x - mean) rstd
///   training:  dx = scale rstd (g - dshift / n - (x - mean) rstd dscale / n)
///   inference: dx = scale rstd g
/// dx may be dy's memory.
struct BatchNormGradientArgs {
  ValueType x_type;
  const void* dy;
  const void* y;  // or null
  const void* x;
  const void* scale;
  const void* mean;
  const void* rstd;      // training; else null
  const void* variance;  // inference; else null
  void* dx;
  void* dscale;
  void* dshift;
  double epsilon;  // of inference
  std::byte* scratch;
};
inline constinit KernelSlot<BatchNormGradientArgs> batch_norm_backward{"batch_norm_backward"};

/// Scratch of batch_norm_training and batch_norm_backward.
inline constinit DeviceFunction<std::size_t(const Stream&, const ValueType&)> batch_norm_scratch_bytes{
    "batch_norm_scratch_bytes"};

}  // namespace slipway
