#include <cmath>

#include "kernels/cpu/element_loss.h"

namespace slipway::cpu {
namespace {

void squared_error(const Stream& stream, const ElementLossArgs& args) {
  run_element_loss(stream, args, "squared_error", []<class T>(T) {
    return [](T x, T t, T) -> LossAndGradient<T> { return {(x - t) * (x - t), 2 * (x - t)}; };
  });
}

void absolute_error(const Stream& stream, const ElementLossArgs& args) {
  run_element_loss(stream, args, "absolute_error", []<class T>(T) {
    return [](T x, T t, T) -> LossAndGradient<T> {
      return {std::abs(x - t), x > t ? T(1) : (x < t ? T(-1) : x - t)};  // x - t: 0, or NaN
    };
  });
}

void huber(const Stream& stream, const ElementLossArgs& args) {
  run_element_loss(stream, args, "huber", []<class T>(T d) {
    return [d](T x, T t, T) -> LossAndGradient<T> {
      const T error = x - t, size = std::abs(error);
      const T slope = size <= d ? error : (error > T(0) ? d : -d);
      return {size <= d ? error * error / 2 : d * (size - d / 2), error != error ? error : slope};
    };
  });
}

const KernelRegistrar<ElementLossArgs> kSquared(squared_error_kernel, DeviceKind::cpu, squared_error);
const KernelRegistrar<ElementLossArgs> kAbsolute(absolute_error_kernel, DeviceKind::cpu, absolute_error);
const KernelRegistrar<ElementLossArgs> kHuber(huber_kernel, DeviceKind::cpu, huber);

}  // namespace
}  // namespace slipway::cpu
