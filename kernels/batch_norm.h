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
/// dx may be dy's memory. The kernels `sums` and `input_gradient` are its two steps: where a batch is spread
/// over ranks, the sums of all of them lie between.
struct BatchNormGradientArgs {
  ValueType x_type;
  const void* dy;
  const void* y;  // or null
  const void* x;
  const void* scale;
  const void* mean;
  const void* rstd;      // or null
  const void* variance;  // in its place
  void* dx;              // not read by sums
  void* dscale;          // read by input_gradient
  void* dshift;          // the same
  std::int64_t count;    // n in training; 0: inference
  double epsilon;        // with variance
  std::byte* scratch;    // not for input_gradient
};
inline constinit KernelSlot<BatchNormGradientArgs> batch_norm_backward{"batch_norm_backward"};
inline constinit KernelSlot<BatchNormGradientArgs> batch_norm_sums{"batch_norm_sums"};
inline constinit KernelSlot<BatchNormGradientArgs> batch_norm_input_gradient{"batch_norm_input_gradient"};

/// The statistics of a part of a batch: the mean of each channel, and its values' squared distances from it,
/// summed; both are 0 of no values.
struct BatchNormMomentsArgs {
  ValueType x_type;
  const void* x;
  void* moments;  // [2, channels]
  std::byte* scratch;
};
inline constinit KernelSlot<BatchNormMomentsArgs> batch_norm_moments{"batch_norm_moments"};

/// The statistics of a batch from those of its parts, of which rank r of `ranks` has Shard{r, ranks}. Running
/// statistics are updated as in training.
struct BatchNormMergeArgs {
  DType dtype;          // of all arrays: float32, float64
  const void* moments;  // [ranks, 2, channels]
  int ranks;
  std::int64_t channels;
  std::int64_t samples;  // of the batch
  std::int64_t pixels;   // values a sample and channel
  void* mean;
  void* variance;  // biased
  void* running_mean;
  void* running_variance;
  double momentum;
};
inline constinit KernelSlot<BatchNormMergeArgs> batch_norm_merge{"batch_norm_merge"};

/// Scratch of batch_norm_training, batch_norm_moments, batch_norm_backward and batch_norm_sums.
inline constinit DeviceFunction<std::size_t(const Stream&, const ValueType&)> batch_norm_scratch_bytes{
    "batch_norm_scratch_bytes"};

}  // namespace slipway
