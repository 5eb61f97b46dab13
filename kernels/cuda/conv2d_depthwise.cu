#include "kernels/cuda/conv2d_depthwise.h"

#include "kernels/cuda/bias_gradient.h"
#include "kernels/cuda/channel_partials.cuh"
#include "kernels/cuda/conv2d_operands.cuh"
#include "kernels/cuda/row_windows.cuh"

namespace slipway::cuda {
namespace {

// The operands' views of pixels and taps serve here as well: a channel's window has one input channel.

/// One thread an element of y: neighbours are pixels of one channel.
template <class T>
__global__ void convolve_channels(const InputWindows<T, false> x, const T* weight, const ImageResult<T> y) {
  const Conv2dGeometry& g = x.g;
  const std::int64_t pixels = g.batch * g.out_plane, count = pixels * g.groups * g.group_out;
  for (std::int64_t i = grid_thread(); i < count; i += grid_threads()) {
    const std::int64_t channel = i / pixels, pixel = i % pixels;
    const std::int64_t group = channel / g.group_out;
    const auto window = x.outer(group, pixel);
    AccumulatorOf<T> sum = 0;
    for (std::int64_t k = 0; k < g.kernel_plane; ++k) {
      sum += to_accumulator(weight[channel * g.kernel_plane + k]) * x.load(window, x.inner(k));
    }
    y(group, channel % g.group_out, pixel, sum);
  }
}

/// The windows whose rows are read in packs.
template <class T, class Aligned, class Body>
bool visit_usual_windows(const Conv2dProblem& problem, const Aligned& aligned, const Body& body) {
  return visit_row_windows<T, RowWindow<3, 1, 1>, RowWindow<3, 2, 1>>(
      {.kernel = {problem.weight.shape[2], problem.weight.shape[3]},
       .window = problem.window,
       .input_columns = problem.x.shape[3],
       .output_columns = problem.y.shape[3]},
      aligned, body);
}

/// Whose plane a plane [image, channel] of y is, and which channel of x it sees.
struct PlaneChannels {
  explicit PlaneChannels(const Conv2dGeometry& g)
      : by_channels(std::max<std::int64_t>(1, g.groups * g.group_out)),
        by_group_out(std::max<std::int64_t>(1, g.group_out)) {}
  __device__ std::int64_t channel(std::int64_t plane) const { return by_channels.remainder(plane); }
  /// Planes of x lie in the order of those of y: each is seen by group_out of them, one after another.
  __device__ std::int64_t input_plane(std::int64_t plane) const { return by_group_out.quotient(plane); }

  Divisor by_channels, by_group_out;
};

/// One thread the elements of y that belong to kWidth elements of a row of x.
template <class Window, int kWidth, class T>
__global__ void __launch_bounds__(kBlockThreads)
    convolve_by_packs(const Conv2dGeometry g, const PlaneChannels channels, const RowPacks packs, const T* x,
                      const T* weight, const ImageResult<T> y) {
  using A = AccumulatorOf<T>;
  constexpr int kOutputs = kWidth / Window::kStride;
  for (std::int64_t first = packs.first(); first < packs.count(); first += grid_threads()) {
    const RowPacks::Place at = packs.at(first);
    const std::int64_t channel = channels.channel(at.plane);
    const InputRows<T> from{x + channels.input_plane(at.plane) * g.in_plane + at.pack * kWidth, g.in_size[0],
                            g.in_size[1]};
    const T* taps = weight + channel * g.kernel_plane;
    A sums[kOutputs]{};
#pragma unroll
    for (int p = 0; p < Window::kKernel; ++p) {
      const auto piece = from.template piece<Window, kWidth>(at.row * Window::kStride + p - g.padding[0], at);
#pragma unroll
      for (int q = 0; q < Window::kKernel; ++q) {
        const A tap = to_accumulator(taps[p * Window::kKernel + q]);
#pragma unroll
        for (int k = 0; k < kOutputs; ++k) sums[k] += tap * piece[k * Window::kStride + q - Window::kPadding];
      }
    }
    if (at.inside) y.store(channel, at.index * kOutputs, sums);
  }
}

/// One thread an element of dx.
template <class T>
__global__ void convolve_channels_back(const OutputWindows<T> dy, const T* weight, const ImageResult<T> dx) {
  const Conv2dGeometry& g = dy.g;
  const std::int64_t pixels = g.batch * g.in_plane, count = pixels * g.groups;
  for (std::int64_t i = grid_thread(); i < count; i += grid_threads()) {
    const std::int64_t group = i / pixels, pixel = i % pixels;
    const auto window = dy.outer(group, pixel);
    const T* taps = weight + group * g.group_out * g.kernel_plane;
    AccumulatorOf<T> sum = 0;
    for (std::int64_t k = 0; k < g.group_out * g.kernel_plane; ++k) {
      sum += to_accumulator(taps[k]) * dy.load(window, dy.inner(k));
    }
    dx(group, 0, pixel, sum);
  }
}

/// One thread kWidth elements of a row of dx.
template <class Window, int kWidth, class T>
__global__ void __launch_bounds__(kBlockThreads)
    convolve_back_by_packs(const Conv2dGeometry g, const RowPacks packs, const Divisor by_groups, const T* dy,
                           const T* weight, T* dx) {
  using A = AccumulatorOf<T>;
  constexpr int kOutputs = kWidth / Window::kStride;
  for (std::int64_t first = packs.first(); first < packs.count(); first += grid_threads()) {
    const RowPacks::Place at = packs.at(first);
    const T* from = dy + at.plane * g.group_out * g.out_plane + at.pack * kOutputs;
    const T* taps = weight + by_groups.remainder(at.plane) * g.group_out * g.kernel_plane;
    A sums[kWidth]{};
    for (std::int64_t m = 0; m < g.group_out; ++m, from += g.out_plane, taps += g.kernel_plane) {
#pragma unroll
      for (int n = 0; n < Window::kOutputRows; ++n) {
        const auto output = Window::output_row(at.row + g.padding[0], n);
        const bool inside = at.inside && output.inside(g.out_size[0]);
        const auto piece = load_piece<kOutputs, Window::kOutputsBefore, Window::kOutputsAfter>(
            inside ? from + output.row * g.out_size[1] : nullptr, at);
#pragma unroll
        for (int q = 0; q < Window::kKernel; ++q) {
          const A tap = inside ? to_accumulator(taps[output.p * Window::kKernel + q]) : A(0);
#pragma unroll
          for (int k = 0; k < kWidth; ++k) {
            const int column = Window::output_column(k, q);
            if (column != Window::kNone) sums[k] += tap * piece[column];
          }
        }
      }
    }
    if (!at.inside) continue;
    Pack<T, kWidth> result;
#pragma unroll
    for (int k = 0; k < kWidth; ++k) result.values[k] = from_accumulator<T>(sums[k]);
    store_pack(dx + at.index * kWidth, result);
  }
}

constexpr int kTapsTogether = 9;  // sums that one pass over the images keeps

template <class A>
struct TapSums {
  A sums[kTapsTogether];

  __device__ TapSums operator+(const TapSums& other) const {
    TapSums result;
#pragma unroll
    for (int t = 0; t < kTapsTogether; ++t) result.sums[t] = sums[t] + other.sums[t];
    return result;
  }
  template <class Exchange>
  __device__ TapSums exchanged(Exchange exchange) const {
    TapSums result;
#pragma unroll
    for (int t = 0; t < kTapsTogether; ++t) result.sums[t] = exchange(sums[t]);
    return result;
  }
};

/// Σ dy x for the taps from `first_tap` on, of each output channel.
template <class T>
struct TapTerms {
  using A = AccumulatorOf<T>;
  using State = TapSums<A>;
  using Combine = Add;
  using Window = InputWindows<T, true>;
  Window x;
  const T* dy;
  std::int64_t first_tap;
  Divisor by_channels, by_group_out;

  template <int kWidth>
  __device__ void add(State& state, std::int64_t i, std::int64_t channel) const {
    static_assert(kWidth == 1);
    const Conv2dGeometry& g = x.g;
    const std::int64_t plane = g.by_out_plane.quotient(i), offset = g.by_out_plane.remainder(i, plane);
    const auto pixel = x.inner(by_channels.quotient(plane) * g.out_plane + offset);
    auto tap = x.outer(by_group_out.quotient(channel), first_tap);
    const A gradient = to_accumulator(dy[i]);
#pragma unroll
    for (int t = 0; t < kTapsTogether; ++t) {
      if (first_tap + t < g.kernel_plane) state.sums[t] += x.load(tap, pixel) * gradient;
      tap = next(tap);
    }
  }

 private:
  /// The neighbour to the right, or the first one of the next row.
  __device__ typename Window::TapSide next(typename Window::TapSide tap) const {
    const Conv2dGeometry& g = x.g;
    const auto width = static_cast<std::int32_t>(g.by_kernel_width.divisor());
    tap.right += g.dilation[1];
    if (tap.right < width * g.dilation[1]) return tap;
    tap.right = 0;
    tap.down += g.dilation[0];
    return tap;
  }
};

/// sum_planes for windows whose rows are read in packs. Grid: x a channel of dy, y a part.
template <class Window, int kWidth, class T>
__global__ void __launch_bounds__(kBlockThreads)
    sum_taps_by_packs(const Conv2dGeometry g, const PlaneChannels channels, const ChannelParts parts,
                      const RowPacks packs, const T* x, const T* dy,
                      const SumArrays<TapSums<AccumulatorOf<T>>> partial) {
  using A = AccumulatorOf<T>;
  static_assert(Window::kKernel * Window::kKernel == kTapsTogether);
  constexpr int kOutputs = kWidth / Window::kStride;
  __shared__ TapSums<A> shared[kMostWarps];
  const std::int64_t channel = blockIdx.x, first_image = blockIdx.y * parts.images;
  TapSums<A> found{};
  for (std::int64_t first = 0; first < packs.count(); first += kBlockThreads) {
    RowPacks::Place at = packs.at(first);  // its planes are those of the part's images
    at.inside = at.inside && first_image + at.plane < parts.batch;
    const std::int64_t plane = (first_image + at.plane) * parts.channels + channel;
    const InputRows<T> from{x + channels.input_plane(plane) * g.in_plane + at.pack * kWidth, g.in_size[0],
                            g.in_size[1]};
    Pack<T, kOutputs> gradients{};
    if (at.inside) {
      gradients = load_pack<kOutputs>(dy + plane * g.out_plane + at.row * g.out_size[1] + at.pack * kOutputs);
    }
#pragma unroll
    for (int p = 0; p < Window::kKernel; ++p) {
      const auto piece = from.template piece<Window, kWidth>(at.row * Window::kStride + p - g.padding[0], at);
#pragma unroll
      for (int q = 0; q < Window::kKernel; ++q) {
        A& sum = found.sums[p * Window::kKernel + q];
#pragma unroll
        for (int k = 0; k < kOutputs; ++k) {
          sum += piece[k * Window::kStride + q - Window::kPadding] * to_accumulator(gradients.values[k]);
        }
      }
    }
  }
  found = team_reduce(found, Add(), shared);
  if (threadIdx.x == 0) partial.store(blockIdx.y * parts.channels + channel, found);
}

template <class T>
struct StoreTaps {
  T* dweight;  // [channels, taps]
  std::int64_t first_tap, taps;

  __device__ void operator()(std::int64_t channel, const TapSums<AccumulatorOf<T>>& found) const {
#pragma unroll
    for (int t = 0; t < kTapsTogether; ++t) {
      if (first_tap + t < taps) {
        dweight[channel * taps + first_tap + t] = from_accumulator<T>(found.sums[t]);
      }
    }
  }
};

class Forward : public PreparedKernel<Conv2dArgs> {
 public:
  explicit Forward(const Conv2dProblem& problem) : problem_(problem), geometry_(problem) {}
  void run(const Stream& stream, const Conv2dArgs& args) override {
    const Conv2dGeometry& g = geometry_;
    visit_float(problem_.x.dtype, "conv2d_forward", [&]<class T>() {
      const ImageResult<T> y{.images = static_cast<T*>(args.y),
                             .group_channels = g.group_out,
                             .channels = g.groups * g.group_out,
                             .plane = g.out_plane,
                             .by_plane = g.by_out_plane,
                             .bias = static_cast<const T*>(args.bias),
                             .residual = static_cast<const T*>(args.residual),
                             .activation = problem_.activation};
      const T *x = static_cast<const T*>(args.x), *weight = static_cast<const T*>(args.weight);
      const auto aligned = [&](int elements) { return aligned_for_packs(elements, x, y.images, y.residual); };
      const bool by_packs = visit_usual_windows<T>(problem_, aligned, [&]<class Window, int kWidth>() {
        const RowPacks packs(g.batch * y.channels, g.out_size[0], g.in_size[1] / kWidth);
        launch(stream, elementwise_shape(stream, packs.count()), convolve_by_packs<Window, kWidth, T>, g,
               PlaneChannels(g), packs, x, weight, y);
      });
      if (by_packs) return;
      launch(stream, elementwise_shape(stream, problem_.y.elements()), convolve_channels<T>,
             InputWindows<T, false>{x, g}, weight, y);
    });
  }

 private:
  Conv2dProblem problem_;
  Conv2dGeometry geometry_;
};

class BackwardData : public PreparedKernel<Conv2dBackwardDataArgs> {
 public:
  explicit BackwardData(const Conv2dProblem& problem) : problem_(problem), geometry_(problem) {}
  void run(const Stream& stream, const Conv2dBackwardDataArgs& args) override {
    const Conv2dGeometry& g = geometry_;
    visit_float(problem_.x.dtype, "conv2d_backward_data", [&]<class T>() {
      const T *dy = static_cast<const T*>(args.dy), *weight = static_cast<const T*>(args.weight);
      T* dx = static_cast<T*>(args.dx);
      const auto aligned = [&](int elements) { return aligned_for_packs(elements, dy, dx); };
      const bool by_packs = visit_usual_windows<T>(problem_, aligned, [&]<class Window, int kWidth>() {
        const RowPacks packs(g.batch * g.groups, g.in_size[0], g.in_size[1] / kWidth);
        launch(stream, elementwise_shape(stream, packs.count()), convolve_back_by_packs<Window, kWidth, T>, g,
               packs, Divisor(g.groups), dy, weight, dx);
      });
      if (by_packs) return;
      launch(stream, elementwise_shape(stream, problem_.x.elements()), convolve_channels_back<T>,
             OutputWindows<T>{dy, g}, weight,
             ImageResult<T>{.images = dx,
                            .group_channels = 1,
                            .channels = g.groups,
                            .plane = g.in_plane,
                            .by_plane = g.by_in_plane});
    });
  }

 private:
  Conv2dProblem problem_;
  Conv2dGeometry geometry_;
};

class BackwardWeights : public PreparedKernel<Conv2dBackwardWeightsArgs> {
 public:
  explicit BackwardWeights(const Conv2dProblem& problem)
      : problem_(problem),
        geometry_(problem),
        parts_(geometry_.batch, geometry_.groups * geometry_.group_out, geometry_.out_plane),
        bias_gradient_(problem.y) {}
  std::size_t scratch_bytes() const override {
    const std::size_t sums = static_cast<std::size_t>(parts_.states()) * accumulator_size(problem_.x.dtype);
    return std::max(kTapsTogether * sums, bias_gradient_.scratch_bytes());
  }
  void run(const Stream& stream, const Conv2dBackwardWeightsArgs& args) override {
    visit_float(problem_.x.dtype, "conv2d_backward_weights", [&]<class T>() {
      if (!sum_by_packs<T>(stream, args)) sum_by_taps<T>(stream, args);
    });
    if (args.dbias) bias_gradient_.run(stream, args.dy, args.dbias, args.scratch);
  }

 private:
  template <class T>
  void sum_by_taps(const Stream& stream, const Conv2dBackwardWeightsArgs& args) const {
    const Conv2dGeometry& g = geometry_;
    for (std::int64_t tap = 0; tap < g.kernel_plane; tap += kTapsTogether) {
      const TapTerms<T> terms{.x = {static_cast<const T*>(args.x), g},
                              .dy = static_cast<const T*>(args.dy),
                              .first_tap = tap,
                              .by_channels = Divisor(std::max<std::int64_t>(1, parts_.channels)),
                              .by_group_out = Divisor(std::max<std::int64_t>(1, g.group_out))};
      sum_channels<1>(stream, parts_, terms, StoreTaps<T>{static_cast<T*>(args.dweight), tap, g.kernel_plane},
                      false, args.scratch);
    }
  }
  /// Returns whether it could.
  template <class T>
  bool sum_by_packs(const Stream& stream, const Conv2dBackwardWeightsArgs& args) const {
    using Sums = SumArrays<TapSums<AccumulatorOf<T>>>;
    const Conv2dGeometry& g = geometry_;
    if (!parts_.planes) return false;
    const T *x = static_cast<const T*>(args.x), *dy = static_cast<const T*>(args.dy);
    const auto aligned = [&](int elements) { return aligned_for_packs(elements, x, dy); };
    return visit_usual_windows<T>(problem_, aligned, [&]<class Window, int kWidth>() {
      const RowPacks packs(std::min(parts_.images, parts_.batch), g.out_size[0], g.in_size[1] / kWidth);
      const Sums partial{reinterpret_cast<typename Sums::Member*>(args.scratch), parts_.states()};
      const dim3 grid(static_cast<unsigned>(parts_.channels), static_cast<unsigned>(parts_.parts));
      launch(stream, {.grid = grid, .block = dim3(kBlockThreads)}, sum_taps_by_packs<Window, kWidth, T>, g,
             PlaneChannels(g), parts_, packs, x, dy, partial);
      finish_sums<TapTerms<T>>(stream, parts_, StoreTaps<T>{static_cast<T*>(args.dweight), 0, g.kernel_plane},
                               partial);
    });
  }

  Conv2dProblem problem_;
  Conv2dGeometry geometry_;
  ChannelParts parts_;
  BiasGradient bias_gradient_;
};

}  // namespace

bool is_depthwise(const Conv2dProblem& problem) { return problem.groups > 1 && problem.weight.shape[1] == 1; }

std::unique_ptr<PreparedKernel<Conv2dArgs>> depthwise_forward(const Conv2dProblem& problem) {
  return std::make_unique<Forward>(problem);
}
std::unique_ptr<PreparedKernel<Conv2dBackwardDataArgs>> depthwise_backward_data(
    const Conv2dProblem& problem) {
  return std::make_unique<BackwardData>(problem);
}
std::unique_ptr<PreparedKernel<Conv2dBackwardWeightsArgs>> depthwise_backward_weights(
    const Conv2dProblem& problem) {
  return std::make_unique<BackwardWeights>(problem);
}

}  // namespace slipway::cuda
