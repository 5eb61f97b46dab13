#include "kernels/cuda/math.cuh"
#include "kernels/cuda/update.cuh"

namespace slipway::cuda {
namespace {

// m = β1 m + (1 - β1) g';  v = β2 v + (1 - β2) g'²;  largest = max(largest, v)
// p = p keep - rate m / (sqrt(v or largest) correction + ε)
template <class T>
struct Adam {
  using Element = T;
  using A = AccumulatorOf<T>;
  struct Step {
    A scale, learning_rate;
    A rate;        // learning_rate / (1 - β1^t)
    A correction;  // 1 / sqrt(1 - β2^t)
  };

  UpdateInputs<T> inputs;
  T* first_moment;
  T* second_moment;
  T* largest;  // or null
  double beta1, beta2;
  A epsilon;
  A decoupled;  // 1: decay shrinks the parameter, 0: it enters the gradient

  __device__ Step begin() const {
    const double t = static_cast<double>(*inputs.step) + 1, rate = static_cast<double>(*inputs.learning_rate);
    return {static_cast<A>(inputs.scale()), static_cast<A>(rate),
            static_cast<A>(rate / (1 - ::pow(beta1, t))), static_cast<A>(1 / ::sqrt(1 - ::pow(beta2, t)))};
  }

  template <int kWidth, class Segment>
  __device__ void update(const Step& step, const Segment& segment, std::int64_t i) const {
    const A rate = segment.learning_rate_scale * step.rate;
    const A keep = A(1) - decoupled * segment.learning_rate_scale * step.learning_rate * segment.weight_decay;
    const A decay = (A(1) - decoupled) * segment.weight_decay;
    const A b1 = static_cast<A>(beta1), b2 = static_cast<A>(beta2);
    const A from_gradient = static_cast<A>(1 - beta1), from_square = static_cast<A>(1 - beta2);
    Pack<T, kWidth> p = load_pack<kWidth>(inputs.parameters + i), m = load_pack<kWidth>(first_moment + i);
    Pack<T, kWidth> v = load_pack<kWidth>(second_moment + i), top = {};
    const Pack<T, kWidth> g = load_pack<kWidth>(inputs.gradients + i);
    if (largest) top = load_pack<kWidth>(largest + i);
#pragma unroll
    for (int k = 0; k < kWidth; ++k) {
      const A parameter = to_accumulator(p.values[k]);
      const A gradient = to_accumulator(g.values[k]) * step.scale + decay * parameter;
      const A mean = b1 * to_accumulator(m.values[k]) + from_gradient * gradient;
      A square = b2 * to_accumulator(v.values[k]) + from_square * gradient * gradient;
      m.values[k] = from_accumulator<T>(mean);
      v.values[k] = from_accumulator<T>(square);
      if (largest) {
        const A before = to_accumulator(top.values[k]);
        square = before > square ? before : square;
        top.values[k] = from_accumulator<T>(square);
      }
      p.values[k] = from_accumulator<T>(parameter * keep -
                                        rate * mean / (square_root(square) * step.correction + epsilon));
    }
    store_pack(first_moment + i, m);
    store_pack(second_moment + i, v);
    if (largest) store_pack(largest + i, top);
    store_pack(inputs.parameters + i, p);
  }
};

void run(const Stream& stream, const AdamArgs& args) {
  visit_float(args.update.dtype, "adam", [&]<class T>() {
    using A = AccumulatorOf<T>;
    const Adam<T> rule{.inputs = UpdateInputs<T>(args.update),
                       .first_moment = static_cast<T*>(args.first_moment),
                       .second_moment = static_cast<T*>(args.second_moment),
                       .largest = static_cast<T*>(args.largest_second_moment),
                       .beta1 = args.beta1,
                       .beta2 = args.beta2,
                       .epsilon = static_cast<A>(args.epsilon),
                       .decoupled = args.decoupled_decay ? A(1) : A(0)};
    const bool aligned = aligned_for_packs(kPackSize<T>, rule.inputs.parameters, rule.inputs.gradients,
                                           rule.first_moment, rule.second_moment, rule.largest);
    update(stream, args.update, rule, aligned ? Alignment::packs : Alignment::elements);
  });
}

const KernelRegistrar<AdamArgs> kRegistered(adam_kernel, DeviceKind::cuda, run);

}  // namespace
}  // namespace slipway::cuda
