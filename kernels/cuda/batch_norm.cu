#include "kernels/batch_norm.h"

#include "kernels/cuda/channel_map.cuh"
#include "kernels/cuda/math.cuh"

namespace slipway::cuda {
namespace {

ChannelParts parts_of(const ValueType& type) {
  require(type.is_row_major(), "batch_norm: expects a row-major value on a GPU, got ", type);
  return {type.shape[0], type.shape[1], type.shape.elements(2, type.shape.rank())};
}

/// The mean and the squared deviations of x.
template <class T>
struct MomentTerms {
  using State = Moments<AccumulatorOf<T>>;
  using Combine = MergeMoments;
  const T* x;

  template <int kWidth>
  __device__ void add(State& state, std::int64_t i, std::int64_t) const {
    state = MergeMoments()(state, moments_of(load_pack<kWidth>(x + i)));
  }
};

/// Running statistics, which take the unbiased variance.
template <class A>
struct Running {
  A* mean;
  A* variance;
  double momentum;

  __device__ void update(std::int64_t channel, double batch_mean, double squares, double count) const {
    mix(mean[channel], batch_mean);
    mix(variance[channel], squares / (count > 2 ? count - 1 : 1));
  }
  __device__ void mix(A& value, double batch) const {
    value = static_cast<A>((1 - momentum) * static_cast<double>(value) + momentum * batch);
  }
};

template <class A>
struct FinishMoments {
  A* mean;
  A* rstd;
  Running<A> running;
  double epsilon;

  __device__ void operator()(std::int64_t channel, const Moments<A>& moments) const {
    const double count = static_cast<double>(moments.count), squares = static_cast<double>(moments.squares);
    mean[channel] = moments.mean;
    rstd[channel] = static_cast<A>(1 / square_root(squares / count + epsilon));
    running.update(channel, static_cast<double>(moments.mean), squares, count);
  }
};

template <class A>
struct StoreMoments {
  A* moments;  // [2, channels]
  std::int64_t channels;

  __device__ void operator()(std::int64_t channel, const Moments<A>& sum) const {
    moments[channel] = sum.mean;
    moments[channels + channel] = sum.squares;
  }
};

/// Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances"
/// (1979). A thread a channel.
template <class A>
__global__ void __launch_bounds__(kBlockThreads)
    merge_moments(const A* moments, const int ranks, const std::int64_t channels, const std::int64_t samples,
                  const std::int64_t pixels, A* mean, A* variance, const Running<A> running) {
  for (std::int64_t c = grid_thread(); c < channels; c += grid_threads()) {
    double count = 0, middle = 0, squares = 0;
    for (int rank = 0; rank < ranks; ++rank) {
      const A* of_rank = moments + 2 * rank * channels + c;
      const std::int64_t rows = samples * (rank + 1) / ranks - samples * rank / ranks;
      const double values = static_cast<double>(rows * pixels), all = count + values;
      if (rows * pixels == 0) continue;
      const double distance = static_cast<double>(of_rank[0]) - middle;
      middle += distance * values / all;
      squares += static_cast<double>(of_rank[channels]) + distance * distance * count * values / all;
      count = all;
    }
    mean[c] = static_cast<A>(middle);
    variance[c] = static_cast<A>(count > 0 ? squares / count : 0);
    running.update(c, middle, squares, count);
  }
}

/// The values of a channel.
template <class A>
struct ChannelStatistics {
  const A* mean;
  const A* rstd;      // or null
  const A* variance;  // in its place
  A epsilon;

  __device__ A rstd_of(std::int64_t channel) const {
    return rstd ? rstd[channel] : A(1) / square_root(variance[channel] + epsilon);
  }
};

// y = activation((x - mean) rstd scale + shift + residual)
template <class T>
struct Normalize {
  using A = AccumulatorOf<T>;
  ChannelStatistics<A> statistics;
  const T* x;
  const A* scale;
  const A* shift;
  const T* residual;  // or null
  T* y;
  Activation activation;

  struct Channel {
    A mean, factor, offset;
  };
  __device__ Channel channel(std::int64_t c) const {
    return {statistics.mean[c], statistics.rstd_of(c) * scale[c], shift[c]};
  }
  template <int kWidth>
  __device__ void apply(std::int64_t i, const Channel& channel) const {
    Pack<T, kWidth> pack = load_pack<kWidth>(x + i), too = {};
    if (residual) too = load_pack<kWidth>(residual + i);
#pragma unroll
    for (int k = 0; k < kWidth; ++k) {
      A value = (to_accumulator(pack.values[k]) - channel.mean) * channel.factor + channel.offset;
      if (residual) value += to_accumulator(too.values[k]);
      pack.values[k] = from_accumulator<T>(activate(activation, value));
    }
    store_pack(y + i, pack);
  }
};

/// g = dy where y > 0, if y is given.
template <class T>
struct MaskedGradient {
  const T* dy;
  const T* y;  // or null

  template <int kWidth>
  __device__ Pack<T, kWidth> load(std::int64_t i) const {
    Pack<T, kWidth> g = load_pack<kWidth>(dy + i);
    if (!y) return g;
    const Pack<T, kWidth> output = load_pack<kWidth>(y + i);
#pragma unroll
    for (int k = 0; k < kWidth; ++k) {
      if (!(to_accumulator(output.values[k]) > 0)) g.values[k] = from_accumulator<T>(0);
    }
    return g;
  }
};

/// Σ g and Σ g (x - mean).
template <class T>
struct GradientTerms {
  using A = AccumulatorOf<T>;
  using State = SumPair<A>;
  using Combine = Add;
  MaskedGradient<T> gradient;
  const T* x;
  const A* mean;

  template <int kWidth>
  __device__ void add(State& state, std::int64_t i, std::int64_t channel) const {
    const Pack<T, kWidth> g = gradient.template load<kWidth>(i), pack = load_pack<kWidth>(x + i);
#pragma unroll
    for (int k = 0; k < kWidth; ++k) {
      const A value = to_accumulator(g.values[k]);
      state = state + State{value, value * (to_accumulator(pack.values[k]) - mean[channel])};
    }
  }
};

template <class A>
struct FinishGradient {
  ChannelStatistics<A> statistics;
  A* dscale;
  A* dshift;

  __device__ void operator()(std::int64_t channel, const SumPair<A>& sums) const {
    dshift[channel] = sums.first;
    dscale[channel] = sums.second * statistics.rstd_of(channel);
  }
};

// training:  dx = scale rstd (g - dshift / n - (x - mean) rstd dscale / n)
// inference: dx = scale rstd g
template <class T>
struct InputGradient {
  using A = AccumulatorOf<T>;
  ChannelStatistics<A> statistics;
  MaskedGradient<T> gradient;
  const T* x;
  const A* scale;
  const A* dscale;
  const A* dshift;
  T* dx;
  A share;  // 1 / n, or 0 where mean and variance are given

  struct Channel {
    A mean, factor, offset, slope;
  };
  __device__ Channel channel(std::int64_t c) const {
    const A rstd = statistics.rstd_of(c);
    return {statistics.mean[c], scale[c] * rstd, dshift[c] * share, rstd * dscale[c] * share};
  }
  template <int kWidth>
  __device__ void apply(std::int64_t i, const Channel& channel) const {
    Pack<T, kWidth> g = gradient.template load<kWidth>(i);
    const Pack<T, kWidth> pack = load_pack<kWidth>(x + i);
#pragma unroll
    for (int k = 0; k < kWidth; ++k) {
      A value = to_accumulator(g.values[k]);
      if (share != A(0))
        value -= channel.offset + (to_accumulator(pack.values[k]) - channel.mean) * channel.slope;
      g.values[k] = from_accumulator<T>(channel.factor * value);
    }
    store_pack(dx + i, g);
  }
};

template <class T, class Args>
void normalize(const Stream& stream, const Args& args,
               const ChannelStatistics<AccumulatorOf<T>>& statistics) {
  using A = AccumulatorOf<T>;
  const Normalize<T> map{.statistics = statistics,
                         .x = static_cast<const T*>(args.x),
                         .scale = static_cast<const A*>(args.scale),
                         .shift = static_cast<const A*>(args.shift),
                         .residual = static_cast<const T*>(args.residual),
                         .y = static_cast<T*>(args.y),
                         .activation = args.activation};
  map_channels<kPackSize<T>>(stream, parts_of(args.x_type), map,
                             aligned_for_packs(kPackSize<T>, map.x, map.residual, map.y));
}

void training(const Stream& stream, const BatchNormTrainingArgs& args) {
  visit_float(args.x_type.dtype, "batch_norm", [&]<class T>() {
    using A = AccumulatorOf<T>;
    const MomentTerms<T> terms{static_cast<const T*>(args.x)};
    const FinishMoments<A> finish{.mean = static_cast<A*>(args.mean),
                                  .rstd = static_cast<A*>(args.rstd),
                                  .running = {static_cast<A*>(args.running_mean),
                                              static_cast<A*>(args.running_variance), args.momentum},
                                  .epsilon = args.epsilon};
    sum_channels<kPackSize<T>>(stream, parts_of(args.x_type), terms, finish,
                               aligned_for_packs(kPackSize<T>, terms.x), args.scratch);
    normalize<T>(stream, args, {.mean = finish.mean, .rstd = finish.rstd});
  });
}

void moments(const Stream& stream, const BatchNormMomentsArgs& args) {
  visit_float(args.x_type.dtype, "batch_norm", [&]<class T>() {
    using A = AccumulatorOf<T>;
    const ChannelParts parts = parts_of(args.x_type);
    const MomentTerms<T> terms{static_cast<const T*>(args.x)};
    sum_channels<kPackSize<T>>(stream, parts, terms,
                               StoreMoments<A>{static_cast<A*>(args.moments), parts.channels},
                               aligned_for_packs(kPackSize<T>, terms.x), args.scratch);
  });
}

void merge(const Stream& stream, const BatchNormMergeArgs& args) {
  const auto run = [&]<class A>() {
    launch(stream, elementwise_shape(stream, args.channels), merge_moments<A>,
           static_cast<const A*>(args.moments), args.ranks, args.channels, args.samples, args.pixels,
           static_cast<A*>(args.mean), static_cast<A*>(args.variance),
           Running<A>{static_cast<A*>(args.running_mean), static_cast<A*>(args.running_variance),
                      args.momentum});
  };
  if (args.channels == 0) return;
  if (args.dtype == DType::float64)
    run.template operator()<double>();
  else
    run.template operator()<float>();
}

void inference(const Stream& stream, const BatchNormInferenceArgs& args) {
  visit_float(args.x_type.dtype, "batch_norm", [&]<class T>() {
    using A = AccumulatorOf<T>;
    normalize<T>(stream, args,
                 {.mean = static_cast<const A*>(args.mean),
                  .rstd = static_cast<const A*>(args.rstd),
                  .variance = static_cast<const A*>(args.variance),
                  .epsilon = static_cast<A>(args.epsilon)});
  });
}

template <class T>
ChannelStatistics<AccumulatorOf<T>> statistics_of(const BatchNormGradientArgs& args) {
  using A = AccumulatorOf<T>;
  return {.mean = static_cast<const A*>(args.mean),
          .rstd = static_cast<const A*>(args.rstd),
          .variance = static_cast<const A*>(args.variance),
          .epsilon = static_cast<A>(args.epsilon)};
}

template <class T>
void gradient_sums(const Stream& stream, const BatchNormGradientArgs& args) {
  using A = AccumulatorOf<T>;
  constexpr int kWidth = kPackSize<T>;
  const MaskedGradient<T> gradient{static_cast<const T*>(args.dy), static_cast<const T*>(args.y)};
  const T* x = static_cast<const T*>(args.x);
  const ChannelStatistics<A> statistics = statistics_of<T>(args);
  const FinishGradient<A> finish{statistics, static_cast<A*>(args.dscale), static_cast<A*>(args.dshift)};
  sum_channels<kWidth>(stream, parts_of(args.x_type), GradientTerms<T>{gradient, x, statistics.mean}, finish,
                       aligned_for_packs(kWidth, gradient.dy, gradient.y, x), args.scratch);
}

template <class T>
void input_gradient(const Stream& stream, const BatchNormGradientArgs& args) {
  using A = AccumulatorOf<T>;
  constexpr int kWidth = kPackSize<T>;
  const InputGradient<T> map{
      .statistics = statistics_of<T>(args),
      .gradient = {static_cast<const T*>(args.dy), static_cast<const T*>(args.y)},
      .x = static_cast<const T*>(args.x),
      .scale = static_cast<const A*>(args.scale),
      .dscale = static_cast<const A*>(args.dscale),
      .dshift = static_cast<const A*>(args.dshift),
      .dx = static_cast<T*>(args.dx),
      .share = args.count > 0 ? static_cast<A>(1 / static_cast<double>(args.count)) : A(0)};
  map_channels<kWidth>(stream, parts_of(args.x_type), map,
                       aligned_for_packs(kWidth, map.gradient.dy, map.gradient.y, map.x, map.dx));
}

/// One of the functions above, or both.
template <bool kSums, bool kInput>
void backward(const Stream& stream, const BatchNormGradientArgs& args) {
  visit_float(args.x_type.dtype, "batch_norm", [&]<class T>() {
    if constexpr (kSums) gradient_sums<T>(stream, args);
    if constexpr (kInput) input_gradient<T>(stream, args);
  });
}

std::size_t scratch_bytes(const Stream&, const ValueType& type) {
  constexpr std::size_t kMembers = 3;  // of the larger state
  return static_cast<std::size_t>(parts_of(type).states()) * kMembers * accumulator_size(type.dtype);
}

const KernelRegistrar<BatchNormTrainingArgs> kTraining(batch_norm_training, DeviceKind::cuda, training);
const KernelRegistrar<BatchNormInferenceArgs> kInference(batch_norm_inference, DeviceKind::cuda, inference);
const KernelRegistrar<BatchNormMomentsArgs> kMoments(batch_norm_moments, DeviceKind::cuda, moments);
const KernelRegistrar<BatchNormMergeArgs> kMerge(batch_norm_merge, DeviceKind::cuda, merge);
const KernelRegistrar<BatchNormGradientArgs> kBackward(batch_norm_backward, DeviceKind::cuda,
                                                       backward<true, true>);
const KernelRegistrar<BatchNormGradientArgs> kSums(batch_norm_sums, DeviceKind::cuda, backward<true, false>);
const KernelRegistrar<BatchNormGradientArgs> kInput(batch_norm_input_gradient, DeviceKind::cuda,
                                                    backward<false, true>);
const DeviceFunctionRegistrar kScratch(batch_norm_scratch_bytes, DeviceKind::cuda, scratch_bytes);

}  // namespace
}  // namespace slipway::cuda
