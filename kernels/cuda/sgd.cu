#include "kernels/cuda/update.cuh"

namespace slipway::cuda {
namespace {

// g' = scale g + weight_decay p;  m = kept m + fresh g';  p = p - rate (of_gradient g' + of_buffer m)
template <class T>
struct Sgd {
  using Element = T;
  using A = AccumulatorOf<T>;
  struct Step {
    A scale, learning_rate, kept, fresh;
  };

  UpdateInputs<T> inputs;
  T* buffer;  // or null
  A momentum, dampening, of_gradient, of_buffer;

  __device__ Step begin() const {
    const bool first = *inputs.step == 0;
    return {static_cast<A>(inputs.scale()), static_cast<A>(*inputs.learning_rate), first ? A(0) : momentum,
            first ? A(1) : A(1) - dampening};
  }

  template <int kWidth, class Segment>
  __device__ void update(const Step& step, const Segment& segment, std::int64_t i) const {
    const A rate = segment.learning_rate_scale * step.learning_rate;
    Pack<T, kWidth> p = load_pack<kWidth>(inputs.parameters + i), m = {};
    const Pack<T, kWidth> g = load_pack<kWidth>(inputs.gradients + i);
    if (buffer) m = load_pack<kWidth>(buffer + i);
#pragma unroll
    for (int k = 0; k < kWidth; ++k) {
      const A parameter = to_accumulator(p.values[k]);
      const A gradient = to_accumulator(g.values[k]) * step.scale + segment.weight_decay * parameter;
      A direction = gradient;
      if (buffer) {
        const A updated = step.kept * to_accumulator(m.values[k]) + step.fresh * gradient;
        m.values[k] = from_accumulator<T>(updated);
        direction = of_gradient * gradient + of_buffer * updated;
      }
      p.values[k] = from_accumulator<T>(parameter - rate * direction);
    }
    if (buffer) store_pack(buffer + i, m);
    store_pack(inputs.parameters + i, p);
  }
};

void run(const Stream& stream, const SgdArgs& args) {
  visit_float(args.update.dtype, "sgd", [&]<class T>() {
    using A = AccumulatorOf<T>;
    const Sgd<T> rule{.inputs = UpdateInputs<T>(args.update),
                      .buffer = static_cast<T*>(args.momentum_buffer),
                      .momentum = static_cast<A>(args.momentum),
                      .dampening = static_cast<A>(args.dampening),
                      .of_gradient = args.nesterov ? A(1) : A(0),
                      .of_buffer = args.nesterov ? static_cast<A>(args.momentum) : A(1)};
    const bool aligned =
        aligned_for_packs(kPackSize<T>, rule.inputs.parameters, rule.inputs.gradients, rule.buffer);
    update(stream, args.update, rule, aligned ? Alignment::packs : Alignment::elements);
  });
}

const KernelRegistrar<SgdArgs> kRegistered(sgd_kernel, DeviceKind::cuda, run);

}  // namespace
}  // namespace slipway::cuda
