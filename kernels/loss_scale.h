#pragma once

#include <cstdint>

#include "core/runtime/kernel_slot.h"

namespace slipway {

/// The loss scale of the next update from what became of this one, as PyTorch's GradScaler:
///   skipped:  scale = backoff scale;  good_steps = 0;  skipped_steps = skipped_steps + 1
///   else:     good_steps = good_steps + 1; at `interval` it starts afresh, and scale = growth scale, unless
///   that
///             is infinite
struct LossScaleArgs {
  const float* gradient_scale;  // [], of the update: not finite if it was skipped
  float* scale;                 // []
  std::int64_t* good_steps;     // [], since the scale changed
  std::int64_t* skipped_steps;  // []
  double growth;
  double backoff;
  std::int64_t interval;
};
inline constinit KernelSlot<LossScaleArgs> loss_scale_kernel{"loss_scale"};

}  // namespace slipway
