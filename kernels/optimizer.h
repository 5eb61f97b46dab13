#pragma once

#include <cstdint>
#include <span>

#include "core/base/dtype.h"
#include "core/runtime/kernel_slot.h"

namespace slipway {

/// Elements [begin, end) of the flat parameters that share settings. What no segment covers is not updated.
struct Segment {
  std::int64_t begin = 0;
  std::int64_t end = 0;
  double weight_decay = 0;
  double learning_rate_scale = 1;
};

/// What every update reads: p and g are flat and of one dtype. A gradient scale that is not finite (a
/// diverged loss, an overflow) leaves parameters and state as they are.
struct UpdateArgs {
  DType dtype;  // float32, float64; cuda: also float16, bfloat16
  void* parameters;
  const void* gradients;
  std::span<const Segment> segments;
  const float* learning_rate;   // []
  const std::int64_t* step;     // []: updates done before this one
  const float* gradient_scale;  // [], or null: 1
};

/// Stochastic gradient descent; g' = scale g + weight_decay p:
///   momentum:  m = first step ? g' : momentum m + (1 - dampening) g';  d = nesterov ? g' + momentum m : m
///   otherwise: d = g'
///   p = p - learning_rate d
struct SgdArgs {
  UpdateArgs update;
  void* momentum_buffer;  // m, or null: no momentum
  double momentum;
  double dampening;
  bool nesterov;
};
inline constinit KernelSlot<SgdArgs> sgd_kernel{"sgd"};

/// Adam (Kingma and Ba, 2015) and AdamW (Loshchilov and Hutter, 2019); t counts from 1:
///   coupled decay:   g' = scale g + weight_decay p
///   decoupled decay: g' = scale g;  p = p (1 - learning_rate weight_decay)
///   m = β1 m + (1 - β1) g';  v = β2 v + (1 - β2) g'²;  largest = max(largest, v)
///   p = p - learning_rate / (1 - β1^t) m / (sqrt(v or largest) / sqrt(1 - β2^t) + ε)
struct AdamArgs {
  UpdateArgs update;
  void* first_moment;
  void* second_moment;
  void* largest_second_moment;  // AMSGrad, or null
  double beta1;
  double beta2;
  double epsilon;
  bool decoupled_decay;
};
inline constinit KernelSlot<AdamArgs> adam_kernel{"adam"};

}  // namespace slipway
