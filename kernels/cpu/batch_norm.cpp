#include "kernels/batch_norm.h"

#include <array>
#include <cmath>

#include "core/comm/shard.h"
#include "kernels/cpu/channel_planes.h"
#include "kernels/cpu/float_types.h"

namespace slipway::cpu {
namespace {

/// Sums x - pivot and its square; the pivot, each channel's first value, keeps the difference of squares
/// accurate where the mean is large.
template <int kConstantLanes, class T>
__attribute__((noinline)) void moments_plane(const ChannelGroups& in, int stored, const T* x,
                                             const Lanes<T>& pivots, double* sums) {
  const Lanes<T> pivot = pivots;
  sum_plane<kConstantLanes, T>(in, stored, sums, [&](std::int64_t i, int l, T& first, T& second) {
    first = x[i] - pivot[l];
    second = first * first;
  });
}

/// finish(channel, mean, variance) for all channels; both are 0 of no values.
template <class T, class Finish>
void compute_moments(const Stream& stream, const T* x, const ChannelGroups& in, std::byte* scratch,
                     Finish&& finish) {
  const std::int64_t values = in.batch * in.pixels;
  if (values == 0) {
    for (std::int64_t c = 0; c < in.channels; ++c) finish(c, 0.0, 0.0);
    return;
  }
  const Parts parts(in);
  const PartialSums partial(scratch, in);
  std::fill_n(partial.data, parts.count * partial.stride, 0.0);
  const auto pivot = [&](std::int64_t group) {
    Lanes<T> lanes;
    for (int l = 0; l < in.used_lanes(group); ++l) {
      lanes[static_cast<std::size_t>(l)] = x[in.offset(0, group) + l];
    }
    return lanes;
  };
  for_each_part(stream, in, parts,
                [&]<int kConstantLanes>(std::int64_t part, std::int64_t n, std::int64_t group, int stored) {
                  moments_plane<kConstantLanes, T>(in, stored, x + in.offset(n, group), pivot(group),
                                                   partial.at(part, group));
                });
  const double count = static_cast<double>(values);
  parallel_for(stream, in.groups, 64, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t group = begin; group < end; ++group) {
      for (int l = 0; l < in.used_lanes(group); ++l) {
        const auto [sum, squares] = total(partial, parts, group, l);
        const double shifted = sum / count;
        finish(group * in.lanes + l, shifted + static_cast<double>(x[in.offset(0, group) + l]),
               std::max(0.0, squares / count - shifted * shifted));
      }
    }
  });
}

/// Running statistics, which take the unbiased variance of `count` values.
template <class T>
struct Running {
  T* mean;
  T* variance;
  double momentum;
  double count;

  void update(std::int64_t channel, double batch_mean, double batch_variance) const {
    const auto mix = [&](T& value, double batch) {
      value = static_cast<T>((1 - momentum) * static_cast<double>(value) + momentum * batch);
    };
    mix(mean[channel], batch_mean);
    mix(variance[channel], batch_variance * count / std::max(1.0, count - 1));
  }
};

template <class T>
struct Planes {
  const T* x;
  const T* residual;
  T* y;
};

/// y = activation(x * factor + term + residual)
template <int kConstantLanes, bool kResidual, bool kRelu, class T>
__attribute__((noinline)) void apply_plane(const ChannelGroups& in, int stored, const Planes<T>& planes,
                                           const Lanes<T>& factors, const Lanes<T>& terms) {
  const Lanes<T> factor = factors, term = terms;
  const Planes<T> p = planes;
  for_plane<kConstantLanes>(in, stored, [&](std::int64_t i, int l) {
    T value = p.x[i] * factor[l] + term[l];
    if constexpr (kResidual) value += p.residual[i];
    if constexpr (kRelu) value = value < T(0) ? T(0) : value;
    p.y[i] = value;
  });
}

template <int kConstantLanes, class T>
void apply_plane(const ChannelGroups& in, int stored, const Planes<T>& planes, const Lanes<T>& factor,
                 const Lanes<T>& term, Activation activation) {
  const bool relu = activation == Activation::relu;
  if (planes.residual && relu)
    return apply_plane<kConstantLanes, true, true>(in, stored, planes, factor, term);
  if (planes.residual) return apply_plane<kConstantLanes, true, false>(in, stored, planes, factor, term);
  if (relu) return apply_plane<kConstantLanes, false, true>(in, stored, planes, factor, term);
  apply_plane<kConstantLanes, false, false>(in, stored, planes, factor, term);
}

/// 1 / sqrt(variance + epsilon) where the variance is given instead of rstd.
template <class T>
Lanes<T> rstd_of(const void* rstd, const void* variance, double epsilon, const ChannelGroups& in,
                 std::int64_t group) {
  if (rstd) return {rstd, in, group};
  Lanes<T> result(variance, in, group);
  for (T& value : result) value = T(1) / std::sqrt(value + static_cast<T>(epsilon));
  return result;
}

/// What apply_plane needs of a group: y = x * factor + term.
template <class T>
struct Affine {
  Affine(const Lanes<T>& scale, const Lanes<T>& shift, const Lanes<T>& mean, const Lanes<T>& rstd) {
    for (std::size_t l = 0; l < factor.size(); ++l) {
      factor[l] = scale[l] * rstd[l];
      term[l] = shift[l] - mean[l] * factor[l];
    }
  }
  Lanes<T> factor, term;
};

template <class T>
void apply(const Stream& stream, const BatchNormInferenceArgs& args, const ChannelGroups& in) {
  for_each_part(
      stream, in, Parts(in),
      [&]<int kConstantLanes>(std::int64_t, std::int64_t n, std::int64_t group, int stored) {
        const Affine<T> affine({args.scale, in, group}, {args.shift, in, group}, {args.mean, in, group},
                               rstd_of<T>(args.rstd, args.variance, args.epsilon, in, group));
        const std::int64_t offset = in.offset(n, group);
        const Planes<T> planes{static_cast<const T*>(args.x) + offset,
                               args.residual ? static_cast<const T*>(args.residual) + offset : nullptr,
                               static_cast<T*>(args.y) + offset};
        apply_plane<kConstantLanes>(in, stored, planes, affine.factor, affine.term, args.activation);
      });
}

BatchNormInferenceArgs by_statistics_of_batch(const BatchNormTrainingArgs& args) {
  return {.x_type = args.x_type,
          .x = args.x,
          .scale = args.scale,
          .shift = args.shift,
          .mean = args.mean,
          .rstd = args.rstd,
          .variance = nullptr,
          .residual = args.residual,
          .y = args.y,
          .epsilon = args.epsilon,
          .activation = args.activation};
}

void training(const Stream& stream, const BatchNormTrainingArgs& args) {
  const ChannelGroups in(args.x_type, "batch_norm");
  visit_float(args.x_type.dtype, "batch_norm", [&]<class T>() {
    const Running<T> running{.mean = static_cast<T*>(args.running_mean),
                             .variance = static_cast<T*>(args.running_variance),
                             .momentum = args.momentum,
                             .count = static_cast<double>(in.batch * in.pixels)};
    compute_moments(stream, static_cast<const T*>(args.x), in, args.scratch,
                    [&](std::int64_t c, double mean, double variance) {
                      static_cast<T*>(args.mean)[c] = static_cast<T>(mean);
                      static_cast<T*>(args.rstd)[c] = static_cast<T>(1 / std::sqrt(variance + args.epsilon));
                      running.update(c, mean, variance);
                    });
    apply<T>(stream, by_statistics_of_batch(args), in);
  });
}

void moments(const Stream& stream, const BatchNormMomentsArgs& args) {
  const ChannelGroups in(args.x_type, "batch_norm");
  visit_float(args.x_type.dtype, "batch_norm", [&]<class T>() {
    T* const result = static_cast<T*>(args.moments);
    const double count = static_cast<double>(in.batch * in.pixels);
    compute_moments(stream, static_cast<const T*>(args.x), in, args.scratch,
                    [&](std::int64_t c, double mean, double variance) {
                      result[c] = static_cast<T>(mean);
                      result[in.channels + c] = static_cast<T>(variance * count);
                    });
  });
}

/// Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances"
/// (1979).
void merge(const Stream&, const BatchNormMergeArgs& args) {
  visit_float(args.dtype, "batch_norm", [&]<class T>() {
    const Running<T> running{.mean = static_cast<T*>(args.running_mean),
                             .variance = static_cast<T*>(args.running_variance),
                             .momentum = args.momentum,
                             .count = static_cast<double>(args.samples * args.pixels)};
    for (std::int64_t c = 0; c < args.channels; ++c) {
      double count = 0, mean = 0, squares = 0;
      for (int rank = 0; rank < args.ranks; ++rank) {
        const T* of_rank = static_cast<const T*>(args.moments) + 2 * rank * args.channels + c;
        const auto values = static_cast<double>(Shard{rank, args.ranks}.size(args.samples) * args.pixels);
        if (values == 0) continue;
        const double distance = static_cast<double>(of_rank[0]) - mean;
        mean += distance * values / (count + values);
        squares += static_cast<double>(of_rank[args.channels]) +
                   distance * distance * count * values / (count + values);
        count += values;
      }
      const double variance = count > 0 ? squares / count : 0;
      static_cast<T*>(args.mean)[c] = static_cast<T>(mean);
      static_cast<T*>(args.variance)[c] = static_cast<T>(variance);
      running.update(c, mean, variance);
    }
  });
}

void inference(const Stream& stream, const BatchNormInferenceArgs& args) {
  const ChannelGroups in(args.x_type, "batch_norm");
  visit_float(args.x_type.dtype, "batch_norm", [&]<class T>() { apply<T>(stream, args, in); });
}

template <class T>
struct GradientPlanes {
  GradientPlanes(const BatchNormGradientArgs& args, std::int64_t offset)
      : dy(static_cast<const T*>(args.dy) + offset),
        y(args.y ? static_cast<const T*>(args.y) + offset : nullptr),
        x(static_cast<const T*>(args.x) + offset),
        dx(args.dx ? static_cast<T*>(args.dx) + offset : nullptr) {}  // null: only sums are wanted
  const T* dy;
  const T* y;
  const T* x;
  T* dx;
};

template <int kConstantLanes, bool kRelu, class T>
__attribute__((noinline)) void reduce_plane(const ChannelGroups& in, int stored,
                                            const GradientPlanes<T>& planes, const Lanes<T>& means,
                                            double* sums) {
  const Lanes<T> mean = means;
  const GradientPlanes<T> p = planes;
  sum_plane<kConstantLanes, T>(in, stored, sums, [&](std::int64_t i, int l, T& first, T& second) {
    first = p.dy[i];
    if constexpr (kRelu) first = p.y[i] > T(0) ? first : T(0);
    second = first * (p.x[i] - mean[l]);
  });
}

/// dx = g * factor + x * slope + term
template <int kConstantLanes, bool kRelu, class T>
__attribute__((noinline)) void gradient_plane(const ChannelGroups& in, int stored,
                                              const GradientPlanes<T>& planes,
                                              const std::array<Lanes<T>, 3>& coefficients) {
  const Lanes<T> factor = coefficients[0], slope = coefficients[1], term = coefficients[2];
  const GradientPlanes<T> p = planes;
  for_plane<kConstantLanes>(in, stored, [&](std::int64_t i, int l) {
    T gradient = p.dy[i];
    if constexpr (kRelu) gradient = p.y[i] > T(0) ? gradient : T(0);
    p.dx[i] = gradient * factor[l] + (p.x[i] * slope[l] + term[l]);
  });
}

template <class T>
void reduce(const Stream& stream, const BatchNormGradientArgs& args, const ChannelGroups& in) {
  const Parts parts(in);
  const PartialSums partial(args.scratch, in);
  std::fill_n(partial.data, parts.count * partial.stride, 0.0);
  for_each_part(stream, in, parts,
                [&]<int kConstantLanes>(std::int64_t part, std::int64_t n, std::int64_t group, int stored) {
                  const GradientPlanes<T> planes(args, in.offset(n, group));
                  const Lanes<T> mean(args.mean, in, group);
                  double* sums = partial.at(part, group);
                  if (args.y)
                    reduce_plane<kConstantLanes, true>(in, stored, planes, mean, sums);
                  else
                    reduce_plane<kConstantLanes, false>(in, stored, planes, mean, sums);
                });
  parallel_for(stream, in.groups, 64, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t group = begin; group < end; ++group) {
      const Lanes<T> rstd = rstd_of<T>(args.rstd, args.variance, args.epsilon, in, group);
      for (int l = 0; l < in.used_lanes(group); ++l) {
        const auto [sum, product] = total(partial, parts, group, l);
        const std::int64_t c = group * in.lanes + l;
        static_cast<T*>(args.dshift)[c] = static_cast<T>(sum);
        static_cast<T*>(args.dscale)[c] =
            static_cast<T>(product * static_cast<double>(rstd[static_cast<std::size_t>(l)]));
      }
    }
  });
}

template <class T>
void input_gradient(const Stream& stream, const BatchNormGradientArgs& args, const ChannelGroups& in) {
  const bool of_batch = args.count > 0;  // mean and variance depend on x
  const T share = T(1) / static_cast<T>(std::max<std::int64_t>(1, args.count));
  for_each_part(stream, in, Parts(in),
                [&]<int kConstantLanes>(std::int64_t, std::int64_t n, std::int64_t group, int stored) {
                  const Lanes<T> scale(args.scale, in, group), mean(args.mean, in, group);
                  const Lanes<T> rstd = rstd_of<T>(args.rstd, args.variance, args.epsilon, in, group);
                  const Lanes<T> dscale(args.dscale, in, group), dshift(args.dshift, in, group);
                  std::array<Lanes<T>, 3> coefficients;
                  for (std::size_t l = 0; l < scale.size(); ++l) {
                    const T factor = scale[l] * rstd[l];
                    coefficients[0][l] = factor;
                    if (!of_batch) continue;
                    coefficients[1][l] = -factor * rstd[l] * dscale[l] * share;
                    coefficients[2][l] = -factor * dshift[l] * share - coefficients[1][l] * mean[l];
                  }
                  const GradientPlanes<T> planes(args, in.offset(n, group));
                  if (args.y)
                    gradient_plane<kConstantLanes, true>(in, stored, planes, coefficients);
                  else
                    gradient_plane<kConstantLanes, false>(in, stored, planes, coefficients);
                });
}

/// One of the functions above, or both.
template <bool kSums, bool kInput>
void backward(const Stream& stream, const BatchNormGradientArgs& args) {
  const ChannelGroups in(args.x_type, "batch_norm");
  visit_float(args.x_type.dtype, "batch_norm", [&]<class T>() {
    if constexpr (kSums) reduce<T>(stream, args, in);
    if constexpr (kInput) input_gradient<T>(stream, args, in);
  });
}

std::size_t scratch_bytes(const Stream&, const ValueType& type) {
  const ChannelGroups in(type, "batch_norm");
  return static_cast<std::size_t>(Parts(in).count * in.groups * in.lanes * 2) * sizeof(double);
}

const KernelRegistrar<BatchNormTrainingArgs> kTraining(batch_norm_training, DeviceKind::cpu, training);
const KernelRegistrar<BatchNormInferenceArgs> kInference(batch_norm_inference, DeviceKind::cpu, inference);
const KernelRegistrar<BatchNormMomentsArgs> kMoments(batch_norm_moments, DeviceKind::cpu, moments);
const KernelRegistrar<BatchNormMergeArgs> kMerge(batch_norm_merge, DeviceKind::cpu, merge);
const KernelRegistrar<BatchNormGradientArgs> kBackward(batch_norm_backward, DeviceKind::cpu,
                                                       backward<true, true>);
const KernelRegistrar<BatchNormGradientArgs> kSums(batch_norm_sums, DeviceKind::cpu, backward<true, false>);
const KernelRegistrar<BatchNormGradientArgs> kInput(batch_norm_input_gradient, DeviceKind::cpu,
                                                    backward<false, true>);
const DeviceFunctionRegistrar kScratch(batch_norm_scratch_bytes, DeviceKind::cpu, scratch_bytes);

}  // namespace
}  // namespace slipway::cpu
