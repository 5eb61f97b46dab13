#include "kernels/cuda/conv2d_depthwise.h"

#include "kernels/cuda/bias_gradient.h"
#include "kernels/cuda/channel_partials.cuh"
#include "kernels/cuda/conv2d_operands.cuh"

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
      launch(stream, elementwise_shape(stream, problem_.y.elements()), convolve_channels<T>,
             InputWindows<T, false>{static_cast<const T*>(args.x), g}, static_cast<const T*>(args.weight), y);
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
      const ImageResult<T> dx{.images = static_cast<T*>(args.dx),
                              .group_channels = 1,
                              .channels = g.groups,
                              .plane = g.in_plane,
                              .by_plane = g.by_in_plane};
      launch(stream, elementwise_shape(stream, problem_.x.elements()), convolve_channels_back<T>,
             OutputWindows<T>{static_cast<const T*>(args.dy), g}, static_cast<const T*>(args.weight), dx);
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
    const Conv2dGeometry& g = geometry_;
    visit_float(problem_.x.dtype, "conv2d_backward_weights", [&]<class T>() {
      for (std::int64_t tap = 0; tap < g.kernel_plane; tap += kTapsTogether) {
        const TapTerms<T> terms{.x = {static_cast<const T*>(args.x), g},
                                .dy = static_cast<const T*>(args.dy),
                                .first_tap = tap,
                                .by_channels = Divisor(std::max<std::int64_t>(1, parts_.channels)),
                                .by_group_out = Divisor(std::max<std::int64_t>(1, g.group_out))};
        sum_channels<1>(stream, parts_, terms,
                        StoreTaps<T>{static_cast<T*>(args.dweight), tap, g.kernel_plane}, false,
                        args.scratch);
      }
    });
    if (args.dbias) bias_gradient_.run(stream, args.dy, args.dbias, args.scratch);
  }

 private:
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
