#include "kernels/loss_scale.h"

#include "kernels/cuda/math.cuh"

namespace slipway::cuda {
namespace {

/// One thread.
__global__ void adjust_loss_scale(const LossScaleArgs args) {
  if (!is_finite(*args.gradient_scale)) {
    *args.scale *= static_cast<float>(args.backoff);
    *args.good_steps = 0;
    *args.skipped_steps += 1;
    return;
  }
  const std::int64_t good_steps = *args.good_steps + 1;
  const bool grows = good_steps >= args.interval;
  *args.good_steps = grows ? 0 : good_steps;
  const float grown = *args.scale * static_cast<float>(args.growth);
  if (grows && is_finite(grown)) *args.scale = grown;
}

void run(const Stream& stream, const LossScaleArgs& args) {
  launch(stream, {.grid = dim3(1), .block = dim3(1)}, adjust_loss_scale, args);
}

const KernelRegistrar<LossScaleArgs> kLossScale(loss_scale_kernel, DeviceKind::cuda, run);

}  // namespace
}  // namespace slipway::cuda
