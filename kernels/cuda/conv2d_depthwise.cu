#include "kernels/cuda/conv2d_depthwise.h"

#include "kernels/cuda/block_reduce.cuh"
#include "kernels/cuda/channel_sums.cuh"
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

/// One block a tap of one output channel.
template <class T>
__global__ void correlate_channels(const InputWindows<T, true> x, const OutputPixels<T> dy, T* dweight) {
  __shared__ AccumulatorOf<T> shared[kMostWarps];
  const Conv2dGeometry& g = x.g;
  const std::int64_t channel = blockIdx.x / g.kernel_plane, tap = blockIdx.x % g.kernel_plane;
  const std::int64_t group = channel / g.group_out;
  const auto of_tap = x.outer(group, tap);
  const auto of_channel = dy.outer(group, channel % g.group_out);
  AccumulatorOf<T> sum = 0;
  for (std::int64_t pixel = threadIdx.x; pixel < g.batch * g.out_plane; pixel += blockDim.x) {
    sum += x.load(of_tap, x.inner(pixel)) * dy.load(of_channel, dy.inner(pixel));
  }
  sum = block_sum(sum, shared);
  if (threadIdx.x == 0) dweight[blockIdx.x] = from_accumulator<T>(sum);
}

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
      : problem_(problem), geometry_(problem), bias_parts_(bias_parts(geometry_)) {}
  std::size_t scratch_bytes() const override { return channel_sums_bytes(bias_parts_, problem_.x.dtype); }
  void run(const Stream& stream, const Conv2dBackwardWeightsArgs& args) override {
    const Conv2dGeometry& g = geometry_;
    visit_float(problem_.x.dtype, "conv2d_backward_weights", [&]<class T>() {
      const T* dy = static_cast<const T*>(args.dy);
      const auto taps = static_cast<unsigned>(problem_.weight.elements());
      launch(stream, {.grid = dim3(taps), .block = dim3(kBlockThreads)}, correlate_channels<T>,
             InputWindows<T, true>{static_cast<const T*>(args.x), g}, OutputPixels<T>{dy, g},
             static_cast<T*>(args.dweight));
      if (args.dbias) channel_sums(stream, bias_parts_, dy, static_cast<T*>(args.dbias), args.scratch);
    });
  }

 private:
  Conv2dProblem problem_;
  Conv2dGeometry geometry_;
  ChannelParts bias_parts_;
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
