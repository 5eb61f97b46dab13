#include "kernels/cuda/conv2d_depthwise.h"

#include "kernels/cuda/conv2d_operands.cuh"
#include "kernels/cuda/depthwise_windows.cuh"

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
          const A tap =
              output.p < Window::kKernel ? to_accumulator(taps[output.p * Window::kKernel + q]) : A(0);
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

}  // namespace

bool is_depthwise(const Conv2dProblem& problem) { return problem.groups > 1 && problem.weight.shape[1] == 1; }

std::unique_ptr<PreparedKernel<Conv2dArgs>> depthwise_forward(const Conv2dProblem& problem) {
  return std::make_unique<Forward>(problem);
}
std::unique_ptr<PreparedKernel<Conv2dBackwardDataArgs>> depthwise_backward_data(
    const Conv2dProblem& problem) {
  return std::make_unique<BackwardData>(problem);
}

}  // namespace slipway::cuda
