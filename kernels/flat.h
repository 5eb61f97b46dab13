#pragma once

#include <cstdint>

#include "core/base/dtype.h"
#include "core/runtime/kernel_slot.h"

namespace slipway {

/// The Euclidean norm of c x, c = scale / loss_scale, and the factor that brings it down to max_norm:
///   norm = c ‖x‖;  factor = c min(1, max_norm / (norm + 1e-6))
/// The factor is NaN if the norm or the loss is not finite, so that an update by it is skipped. Squares are
/// summed in double precision over chunks that depend on `count` only.
struct ClipFactorArgs {
  DType dtype;  // of x: float32, float64; cuda: also float16, bfloat16
  const void* x;
  std::int64_t count;
  double scale;
  double max_norm;          // infinity: only measure
  const float* loss;        // [], null: there is none to look at
  const float* loss_scale;  // [], null: 1
  float* norm;              // []
  float* factor;            // []
  double* partial;          // scratch, [kParts]

  static constexpr std::int64_t kParts = 1024;
};
inline constinit KernelSlot<ClipFactorArgs> clip_factor_kernel{"clip_factor"};

/// sum = sum + x over `count` elements.
struct AccumulateArgs {
  DType dtype;  // float32, float64; cuda: also float16, bfloat16
  void* sum;
  const void* x;
  std::int64_t count;
};
inline constinit KernelSlot<AccumulateArgs> accumulate_kernel{"accumulate"};

/// average = decay average + (1 - decay) x; after the first step, 0, average = x. Like an update, it is
/// skipped if `gradient_scale` is not finite.
struct MovingAverageArgs {
  DType dtype;  // float32, float64; cuda: also float16, bfloat16
  void* average;
  const void* x;
  const std::int64_t* step;     // []
  const float* gradient_scale;  // [], null: always averages
  std::int64_t count;
  double decay;
};
inline constinit KernelSlot<MovingAverageArgs> moving_average_kernel{"moving_average"};

}  // namespace slipway
