#include "kernels/cpu/element_loss.h"
#include "kernels/cpu/math.h"

namespace slipway::cpu {
namespace {

// With c = 1 + (w - 1) t:  loss = (1 - t) x + c log(1 + e^-x);  dx = (1 - t) - c σ(-x)
void run(const Stream& stream, const ElementLossArgs& args) {
  run_element_loss(stream, args, "binary_cross_entropy", []<class T>(T) {
    return [](T x, T t, T w) -> LossAndGradient<T> {
      const T c = 1 + (w - 1) * t;
      return {(1 - t) * x + c * softplus(-x), (1 - t) - c * sigmoid(-x)};
    };
  });
}

const KernelRegistrar<ElementLossArgs> kRegistered(binary_cross_entropy_kernel, DeviceKind::cpu, run);

}  // namespace
}  // namespace slipway::cpu
