#include "kernels/cpu/float_types.h"
#include "kernels/cpu/update.h"

namespace slipway::cpu {
namespace {

template <class T>
struct Adam {
  T* p;
  const T* g;
  T* m;
  T* v;
  T* largest;
  T scale, beta1, beta2, from_gradient, from_square, correction, epsilon;

  template <bool kAmsgrad>
  void update(T rate, T keep, T decay, std::int64_t begin, std::int64_t end) const {
    T* const parameters = p;
    const T* const gradients = g;
    T* const first = m;
    T* const second = v;
    T* const top = largest;
    const T b1 = beta1, b2 = beta2, f1 = from_gradient, f2 = from_square, c = correction, e = epsilon,
            s = scale;
#pragma omp simd
    for (std::int64_t i = begin; i < end; ++i) {
      const T parameter = parameters[i];
      const T gradient = gradients[i] * s + decay * parameter;
      const T mean = b1 * first[i] + f1 * gradient;
      T square = b2 * second[i] + f2 * gradient * gradient;
      first[i] = mean;
      second[i] = square;
      if constexpr (kAmsgrad) {
        square = top[i] > square ? top[i] : square;
        top[i] = square;
      }
      parameters[i] = parameter * keep - rate * mean / (std::sqrt(square) * c + e);
    }
  }
};

void run(const Stream& stream, const AdamArgs& args) {
  visit_float(args.update.dtype, "adam", [&]<class T>() {
    const double t = static_cast<double>(*args.update.step) + 1;
    const double rate = static_cast<double>(*args.update.learning_rate);
    const Adam<T> adam{.p = static_cast<T*>(args.update.parameters),
                       .g = static_cast<const T*>(args.update.gradients),
                       .m = static_cast<T*>(args.first_moment),
                       .v = static_cast<T*>(args.second_moment),
                       .largest = static_cast<T*>(args.largest_second_moment),
                       .scale = static_cast<T>(gradient_scale(args.update)),
                       .beta1 = static_cast<T>(args.beta1),
                       .beta2 = static_cast<T>(args.beta2),
                       .from_gradient = static_cast<T>(1 - args.beta1),
                       .from_square = static_cast<T>(1 - args.beta2),
                       .correction = static_cast<T>(1 / std::sqrt(1 - std::pow(args.beta2, t))),
                       .epsilon = static_cast<T>(args.epsilon)};
    const double mean_correction = 1 - std::pow(args.beta1, t);
    for_each_part(stream, args.update, [&](const Segment& segment, std::int64_t begin, std::int64_t end) {
      const double scaled_rate = rate * segment.learning_rate_scale;
      const T step = static_cast<T>(scaled_rate / mean_correction);
      const T keep = static_cast<T>(args.decoupled_decay ? 1 - scaled_rate * segment.weight_decay : 1);
      const T decay = static_cast<T>(args.decoupled_decay ? 0 : segment.weight_decay);
      if (adam.largest)
        adam.template update<true>(step, keep, decay, begin, end);
      else
        adam.template update<false>(step, keep, decay, begin, end);
    });
  });
}

const KernelRegistrar<AdamArgs> kRegistered(adam_kernel, DeviceKind::cpu, run);

}  // namespace
}  // namespace slipway::cpu
