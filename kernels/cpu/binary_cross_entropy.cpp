#include <cmath>

#include "kernels/cpu/element_loss.h"
#include "kernels/cpu/exp.h"

namespace slipway::cpu {
namespace {

// With c = 1 + (w - 1) t:  loss = (1 - t) x + c (log(1 + e^-|x|) + max(-x, 0));  dx = (1 - t) - c σ(-x)
void run(const Stream& stream, const ElementLossArgs& args) {
  run_element_loss(stream, args, "binary_cross_entropy", []<class T>(T) {
    return [](T x, T t, T w) -> LossAndGradient<T> {
      const T c = 1 + (w - 1) * t;
      const T e = exponential(x > T(0) ? -x : x);  // e^-|x|
      const T sigmoid_of_minus = (x > T(0) ? e : T(1)) / (1 + e);
      const T softplus = std::log1p(e) + (x < T(0) ? -x : T(0));
      return {(1 - t) * x + c * softplus, (1 - t) - c * sigmoid_of_minus};
    };
  });
}

const KernelRegistrar<ElementLossArgs> kRegistered(binary_cross_entropy_kernel, DeviceKind::cpu, run);

}  // namespace
}  // namespace slipway::cpu
