#include "kernels/loss_scale.h"

#include <cmath>

namespace slipway::cpu {
namespace {

void run(const Stream&, const LossScaleArgs& args) {
  if (!std::isfinite(*args.gradient_scale)) {
    *args.scale *= static_cast<float>(args.backoff);
    *args.good_steps = 0;
    ++*args.skipped_steps;
  } else if (++*args.good_steps >= args.interval) {
    const float grown = *args.scale * static_cast<float>(args.growth);
    if (std::isfinite(grown)) *args.scale = grown;
    *args.good_steps = 0;
  }
}

const KernelRegistrar<LossScaleArgs> kLossScale(loss_scale_kernel, DeviceKind::cpu, run);

}  // namespace
}  // namespace slipway::cpu
