#include "kernels/cuda/bias_gradient.h"
#include "kernels/cuda/channel_partials.cuh"
#include "kernels/cuda/conv2d_depthwise.h"
#include "kernels/cuda/conv2d_operands.cuh"
#include "kernels/cuda/depthwise_windows.cuh"

namespace slipway::cuda {
namespace {

/// A sum for each of some taps.
template <class A, int kTaps>
struct TapSums {
  A sums[kTaps];

  __device__ TapSums operator+(const TapSums& other) const {
    TapSums result;
#pragma unroll
    for (int t = 0; t < kTaps; ++t) result.sums[t] = sums[t] + other.sums[t];
    return result;
  }
  template <class Exchange>
  __device__ TapSums exchanged(Exchange exchange) const {
    TapSums result;
#pragma unroll
    for (int t = 0; t < kTaps; ++t) result.sums[t] = exchange(sums[t]);
    return result;
  }
};

constexpr int kTapsTogether = 9;  // that windows which aren't read in packs add up in a pass over the images
constexpr int kMostTaps = 49;     // of a window that is

/// Σ dy x for the taps from `first_tap` on, of each output channel.
template <class T>
struct TapTerms {
  using A = AccumulatorOf<T>;
  using State = TapSums<A, kTapsTogether>;
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

/// Σ dy x for all taps of a window.
template <class Window, class T>
using WindowSums = TapSums<AccumulatorOf<T>, Window::kKernel * Window::kKernel>;

/// The sums of a part of the batch, for windows whose rows are read in packs: partial [parts, channels,
/// taps]. Grid: x a channel of dy, y a part.
template <class Window, int kWidth, class T>
__global__ void __launch_bounds__(kBlockThreads)
    sum_taps_by_packs(const Conv2dGeometry g, const PlaneChannels channels, const ChannelParts parts,
                      const RowPacks packs, const T* x, const T* dy, AccumulatorOf<T>* partial) {
  using A = AccumulatorOf<T>;
  constexpr int kOutputs = kWidth / Window::kStride;
  __shared__ WindowSums<Window, T> shared[kMostWarps];
  const std::int64_t channel = blockIdx.x, first_image = blockIdx.y * parts.images;
  WindowSums<Window, T> found{};
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
  constexpr int kTaps = Window::kKernel * Window::kKernel;
  A own = 0;
#pragma unroll
  for (int t = 0; t < kTaps; ++t) own = static_cast<int>(threadIdx.x) == t ? found.sums[t] : own;
  if (threadIdx.x < kTaps) partial[(blockIdx.y * parts.channels + channel) * kTaps + threadIdx.x] = own;
}

/// dweight = the sum over the parts, in their order.
template <class T>
__global__ void __launch_bounds__(kBlockThreads)
    add_parts_of_taps(const AccumulatorOf<T>* partial, const std::int64_t parts, const std::int64_t count,
                      T* dweight) {
  for (std::int64_t i = grid_thread(); i < count; i += grid_threads()) {
    AccumulatorOf<T> sum = 0;
    for (std::int64_t part = 0; part < parts; ++part) sum += partial[part * count + i];
    dweight[i] = from_accumulator<T>(sum);
  }
}

template <class T>
struct StoreTaps {
  T* dweight;  // [channels, taps]
  std::int64_t first_tap, taps;

  __device__ void operator()(std::int64_t channel,
                             const TapSums<AccumulatorOf<T>, kTapsTogether>& found) const {
#pragma unroll
    for (int t = 0; t < kTapsTogether; ++t) {
      if (first_tap + t < taps) {
        dweight[channel * taps + first_tap + t] = from_accumulator<T>(found.sums[t]);
      }
    }
  }
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
    const auto taps =
        static_cast<std::size_t>(std::clamp<std::int64_t>(geometry_.kernel_plane, kTapsTogether, kMostTaps));
    return std::max(taps * sums, bias_gradient_.scratch_bytes());
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
    const Conv2dGeometry& g = geometry_;
    if (!parts_.planes) return false;
    const T *x = static_cast<const T*>(args.x), *dy = static_cast<const T*>(args.dy);
    const auto aligned = [&](int elements) { return aligned_for_packs(elements, x, dy); };
    return visit_usual_windows<T>(problem_, aligned, [&]<class Window, int kWidth>() {
      constexpr int kTaps = Window::kKernel * Window::kKernel;
      static_assert(kTaps <= kMostTaps);
      const RowPacks packs(std::min(parts_.images, parts_.batch), g.out_size[0], g.in_size[1] / kWidth);
      auto* const partial = reinterpret_cast<AccumulatorOf<T>*>(args.scratch);
      const dim3 grid(static_cast<unsigned>(parts_.channels), static_cast<unsigned>(parts_.parts));
      launch(stream, {.grid = grid, .block = dim3(kBlockThreads)}, sum_taps_by_packs<Window, kWidth, T>, g,
             PlaneChannels(g), parts_, packs, x, dy, partial);
      const std::int64_t count = parts_.channels * kTaps;
      launch(stream, elementwise_shape(stream, count), add_parts_of_taps<T>, partial, parts_.parts, count,
             static_cast<T*>(args.dweight));
    });
  }

  Conv2dProblem problem_;
  Conv2dGeometry geometry_;
  ChannelParts parts_;
  BiasGradient bias_gradient_;
};

}  // namespace

std::unique_ptr<PreparedKernel<Conv2dBackwardWeightsArgs>> depthwise_backward_weights(
    const Conv2dProblem& problem) {
  return std::make_unique<BackwardWeights>(problem);
}

}  // namespace slipway::cuda
