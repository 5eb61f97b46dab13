#include "kernels/cpu/float_types.h"
#include "kernels/cpu/update.h"

namespace slipway::cpu {
namespace {

void run(const Stream& stream, const SgdArgs& args) {
  visit_float(args.update.dtype, "sgd", [&]<class T>() {
    T* const parameters = static_cast<T*>(args.update.parameters);
    const T* const gradients = static_cast<const T*>(args.update.gradients);
    T* const buffer = static_cast<T*>(args.momentum_buffer);
    const T scale = static_cast<T>(gradient_scale(args.update));
    const bool first_step = *args.update.step == 0;
    const T momentum = static_cast<T>(first_step ? 0 : args.momentum);
    const T fresh = static_cast<T>(first_step ? 1 : 1 - args.dampening);
    // What enters the step: m alone, or g' and momentum * m.
    const T of_gradient = args.nesterov ? T(1) : T(0);
    const T of_buffer = args.nesterov ? static_cast<T>(args.momentum) : T(1);
    for_each_part(
        stream, args.update, [=, &args](const Segment& segment, std::int64_t begin, std::int64_t end) {
          const T rate =
              static_cast<T>(segment.learning_rate_scale * static_cast<double>(*args.update.learning_rate));
          const T decay = static_cast<T>(segment.weight_decay);
          T* p = parameters;
          const T* g = gradients;
          if (!buffer) {
#pragma omp simd
            for (std::int64_t i = begin; i < end; ++i) p[i] -= rate * (g[i] * scale + decay * p[i]);
            return;
          }
          T* m = buffer;
#pragma omp simd
          for (std::int64_t i = begin; i < end; ++i) {
            const T gradient = g[i] * scale + decay * p[i];
            const T updated = momentum * m[i] + fresh * gradient;
            m[i] = updated;
            p[i] -= rate * (of_gradient * gradient + of_buffer * updated);
          }
        });
  });
}

const KernelRegistrar<SgdArgs> kRegistered(sgd_kernel, DeviceKind::cpu, run);

}  // namespace
}  // namespace slipway::cpu
