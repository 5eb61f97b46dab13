#include "kernels/batch_norm.h"

#include <array>
#include <cmath>

#include "kernels/cpu/channel_groups.h"
#include "kernels/cpu/float_types.h"
#include "kernels/cpu/parallel.h"

namespace slipway::cpu {
namespace {

constexpr int kLanes = ChannelGroups::kLanes;

/// How the batch is cut into parts whose sums are added in order: by the shape alone.
struct Parts {
  explicit Parts(const ChannelGroups& in) {
    constexpr std::int64_t kPixels = 256, kMost = 64;
    const std::int64_t pixels = std::max<std::int64_t>(1, in.pixels);
    images = std::max({std::int64_t{1}, kPixels / pixels, (in.batch + kMost - 1) / kMost});
    count = (in.batch + images - 1) / images;
  }
  std::int64_t images, count;
};

/// Two sums per channel and part, as [part][group * lanes + lane][2].
struct PartialSums {
  PartialSums(std::byte* scratch, const ChannelGroups& in)
      : data(reinterpret_cast<double*>(scratch)), stride(in.groups * in.lanes * 2), lanes(in.lanes) {}
  double* at(std::int64_t part, std::int64_t group) const { return data + part * stride + group * lanes * 2; }
  double* data;
  std::int64_t stride;
  int lanes;
};

/// Calls body(offset, lane) for the elements of one plane: along pixels for one lane, else along lanes.
template <int kConstantLanes, class Body>
inline __attribute__((always_inline)) void for_plane(const ChannelGroups& in, int stored, Body&& body) {
  if constexpr (kConstantLanes == 1) {
#pragma omp simd
    for (std::int64_t i = 0; i < in.pixels; ++i) body(i, 0);
  } else {
    const int lanes = kConstantLanes ? kConstantLanes : stored;
    for (std::int64_t i = 0; i < in.pixels; ++i) {
      const std::int64_t offset = i * in.pixel_stride;
#pragma omp simd
      for (int l = 0; l < lanes; ++l) body(offset + l, l);
    }
  }
}

/// The sums over one plane of two terms: term(offset, lane, first, second) sets them.
template <int kConstantLanes, class T, class Term>
inline __attribute__((always_inline)) void sum_plane(const ChannelGroups& in, int stored, double* sums,
                                                     Term&& term) {
  if constexpr (kConstantLanes == 1) {
    T a = 0, b = 0;
#pragma omp simd reduction(+ : a, b)
    for (std::int64_t i = 0; i < in.pixels; ++i) {
      T first, second;
      term(i, 0, first, second);
      a += first;
      b += second;
    }
    sums[0] += static_cast<double>(a);
    sums[1] += static_cast<double>(b);
  } else {
    // Two rows of sums, so that additions need not wait for each other.
    std::array<T, kLanes> a[2] = {}, b[2] = {};
    const int lanes = kConstantLanes ? kConstantLanes : stored;
    std::int64_t i = 0;
    for (; i + 2 <= in.pixels; i += 2) {
      for (int row = 0; row < 2; ++row) {
        const std::int64_t offset = (i + row) * in.pixel_stride;
#pragma omp simd
        for (int l = 0; l < lanes; ++l) {
          T first, second;
          term(offset + l, l, first, second);
          a[row][l] += first;
          b[row][l] += second;
        }
      }
    }
    for (; i < in.pixels; ++i) {
      const std::int64_t offset = i * in.pixel_stride;
      for (int l = 0; l < lanes; ++l) {
        T first, second;
        term(offset + l, l, first, second);
        a[0][l] += first;
        b[0][l] += second;
      }
    }
    for (int l = 0; l < lanes; ++l) {
      sums[2 * l] += static_cast<double>(a[0][l]) + static_cast<double>(a[1][l]);
      sums[2 * l + 1] += static_cast<double>(b[0][l]) + static_cast<double>(b[1][l]);
    }
  }
}

/// Values per channel of one group, zero where there is no channel.
template <class T>
struct Lanes : std::array<T, kLanes> {
  Lanes() { this->fill(T(0)); }
  Lanes(const void* channels, const ChannelGroups& in, std::int64_t group) : Lanes() {
    const T* from = static_cast<const T*>(channels) + group * in.lanes;
    for (int l = 0; l < in.used_lanes(group); ++l) (*this)[static_cast<std::size_t>(l)] = from[l];
  }
};

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

/// Calls plane.template operator()<kConstantLanes>(n, group, stored lanes) for each plane of a part.
template <class Plane>
void for_each_part(const Stream& stream, const ChannelGroups& in, const Parts& parts, Plane&& plane) {
  parallel_each(stream, parts.count * in.groups, [&](std::int64_t i) {
    const std::int64_t part = i / in.groups, group = i % in.groups;
    const int stored = in.stored_lanes(group);
    const std::int64_t end = std::min(in.batch, (part + 1) * parts.images);
    const int constant = in.lanes > 1 && stored == 1 ? 0 : stored;  // 1 stands for pixels side by side
    visit_lanes(constant, [&]<int kConstantLanes>() {
      for (std::int64_t n = part * parts.images; n < end; ++n) {
        plane.template operator()<kConstantLanes>(part, n, group, stored);
      }
    });
  });
}

/// Adds up the parts of one lane in order.
std::array<double, 2> total(const PartialSums& partial, const Parts& parts, std::int64_t group, int lane) {
  std::array<double, 2> sum{};
  for (std::int64_t part = 0; part < parts.count; ++part) {
    sum[0] += partial.at(part, group)[2 * lane];
    sum[1] += partial.at(part, group)[2 * lane + 1];
  }
  return sum;
}

template <class T>
void compute_moments(const Stream& stream, const BatchNormTrainingArgs& args, const ChannelGroups& in) {
  const Parts parts(in);
  const PartialSums partial(args.scratch, in);
  std::fill_n(partial.data, parts.count * partial.stride, 0.0);
  const T* x = static_cast<const T*>(args.x);
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
  const double count = static_cast<double>(in.batch * in.pixels);
  parallel_for(stream, in.groups, 64, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t group = begin; group < end; ++group) {
      for (int l = 0; l < in.used_lanes(group); ++l) {
        const std::int64_t c = group * in.lanes + l;
        const auto [sum, squares] = total(partial, parts, group, l);
        const double shifted = sum / count;
        const double mean = shifted + static_cast<double>(x[in.offset(0, group) + l]);
        const double variance = std::max(0.0, squares / count - shifted * shifted);
        static_cast<T*>(args.mean)[c] = static_cast<T>(mean);
        static_cast<T*>(args.rstd)[c] = static_cast<T>(1 / std::sqrt(variance + args.epsilon));
        const auto update = [&](void* running, double batch) {
          T& value = static_cast<T*>(running)[c];
          value = static_cast<T>((1 - args.momentum) * static_cast<double>(value) + args.momentum * batch);
        };
        update(args.running_mean, mean);
        update(args.running_variance, variance * count / std::max(1.0, count - 1));
      }
    }
  });
}

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
    compute_moments<T>(stream, args, in);
    apply<T>(stream, by_statistics_of_batch(args), in);
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
        dx(static_cast<T*>(args.dx) + offset) {}
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
void backward_typed(const Stream& stream, const BatchNormGradientArgs& args, const ChannelGroups& in) {
  reduce<T>(stream, args, in);
  const bool of_batch = args.rstd != nullptr;  // mean and variance depend on x
  const T share = T(1) / static_cast<T>(std::max<std::int64_t>(1, in.batch * in.pixels));
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

void backward(const Stream& stream, const BatchNormGradientArgs& args) {
  const ChannelGroups in(args.x_type, "batch_norm");
  visit_float(args.x_type.dtype, "batch_norm", [&]<class T>() { backward_typed<T>(stream, args, in); });
}

std::size_t scratch_bytes(const Stream&, const ValueType& type) {
  const ChannelGroups in(type, "batch_norm");
  return static_cast<std::size_t>(Parts(in).count * in.groups * in.lanes * 2) * sizeof(double);
}

const KernelRegistrar<BatchNormTrainingArgs> kTraining(batch_norm_training, DeviceKind::cpu, training);
const KernelRegistrar<BatchNormInferenceArgs> kInference(batch_norm_inference, DeviceKind::cpu, inference);
const KernelRegistrar<BatchNormGradientArgs> kBackward(batch_norm_backward, DeviceKind::cpu, backward);
const DeviceFunctionRegistrar kScratch(batch_norm_scratch_bytes, DeviceKind::cpu, scratch_bytes);

}  // namespace
}  // namespace slipway::cpu
