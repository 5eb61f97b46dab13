#include "kernels/cpu/conv2d_few_channels.h"

#ifdef __AVX2__
#include "kernels/cpu/blocked_image.h"
#endif

namespace slipway::cpu {
#ifdef __AVX2__
namespace {

constexpr int kTaps = 8;  // of a row of the window that are summed while a row of dy is in the cache

/// sum_w dy[w] x[w step] over [0, count), dy in vectors.
Vector dot(const float* dy, const float* x, std::int64_t step, std::int64_t count) {
  Vector sums[4] = {};  // so that additions don't wait for each other
  std::int64_t w = 0;
  for (; w + 4 <= count; w += 4) {
    for (int k = 0; k < 4; ++k) sums[k] += load(dy + (w + k) * kLanes) * x[(w + k) * step];
  }
  for (; w < count; ++w) sums[0] += load(dy + w * kLanes) * x[w * step];
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

/// The threads share out blocks of output channels, input channels, and parts of the window, each of which
/// goes through all images.
class BackwardWeights : public PreparedKernel<Conv2dBackwardWeightsArgs> {
 public:
  BackwardWeights(const Stream& stream, const Conv2dProblem& problem)
      : problem_(problem),
        y_(problem.y),
        tap_groups_((problem.weight.shape[3] + kTaps - 1) / kTaps),
        threads_(threads_worth(stream, 2.0 * static_cast<double>(problem.y.elements()) *
                                           static_cast<double>(problem.weight.shape.elements(1, 4)))) {}

  void run(const Stream&, const Conv2dBackwardWeightsArgs& args) override {
    const Shape& weight = problem_.weight.shape;
    const std::int64_t tasks = y_.blocks * weight[1] * weight[2] * tap_groups_;
    const Stream threads{.threads = threads_};
    parallel_each(threads, tasks, [&](std::int64_t task) {
      const std::int64_t group = task % tap_groups_, row = task / tap_groups_ % weight[2],
                         channel = task / (tap_groups_ * weight[2]) % weight[1],
                         block = task / (tap_groups_ * weight[2] * weight[1]);
      add_up({block, channel, row, group * kTaps}, args);
    });
    if (args.dbias) parallel_each(threads, y_.blocks, [&](std::int64_t block) { add_up_bias(block, args); });
  }

 private:
  /// kTaps elements of a row of the window, of one input channel and a block of output channels.
  struct Part {
    std::int64_t block, channel, row, first_tap;
  };

  void add_up(const Part& part, const Conv2dBackwardWeightsArgs& args) const {
    const std::int64_t taps = std::min<std::int64_t>(kTaps, problem_.weight.shape[3] - part.first_tap);
    const Window2d& window = problem_.window;
    const Shape& x = problem_.x.shape;
    Vector sums[kTaps] = {};
    for (std::int64_t n = 0; n < y_.batch; ++n) {
      const float* image = static_cast<const float*>(args.x) + (n * x[1] + part.channel) * x[2] * x[3];
      Vector image_sums[kTaps] = {};  // a sum of sums loses fewer digits
      for (std::int64_t h = 0; h < y_.height; ++h) {
        const std::int64_t row =
            h * window.stride[0] + part.row * window.dilation[0] - window.padding_begin[0];
        if (row < 0 || row >= x[2]) continue;
        const float* dy = dy_row(args, n, part.block, h);
        for (std::int64_t t = 0; t < taps; ++t)
          image_sums[t] += row_sum(dy, image + row * x[3], part.first_tap + t);
      }
      for (std::int64_t t = 0; t < taps; ++t) sums[t] += image_sums[t];
    }
    const Dims& strides = problem_.weight.layout.strides();
    float* to = static_cast<float*>(args.dweight) + part.block * strides[0] + part.channel * strides[1] +
                part.row * strides[2];
    for (std::int64_t t = 0; t < taps; ++t) store(to + (part.first_tap + t) * strides[3], sums[t]);
  }

  const float* dy_row(const Conv2dBackwardWeightsArgs& args, std::int64_t n, std::int64_t block,
                      std::int64_t h) const {
    return static_cast<const float*>(args.dy) + n * y_.batch_stride + block * y_.block_stride +
           h * y_.width * kLanes;
  }

  /// Of one row of dy and one of x, which a tap connects where both have a pixel.
  Vector row_sum(const float* dy, const float* x, std::int64_t tap) const {
    const std::int64_t stride = problem_.window.stride[1];
    const std::int64_t shift = tap * problem_.window.dilation[1] - problem_.window.padding_begin[1];
    const std::int64_t begin = shift < 0 ? (-shift + stride - 1) / stride : 0;
    const std::int64_t room = problem_.x.shape[3] - shift;  // of pixels from the first one on
    const std::int64_t end = std::min(y_.width, room > 0 ? (room + stride - 1) / stride : 0);
    if (begin >= end) return Vector{};
    return dot(dy + begin * kLanes, x + begin * stride + shift, stride, end - begin);
  }

  void add_up_bias(std::int64_t block, const Conv2dBackwardWeightsArgs& args) const {
    Vector sum = {};
    for (std::int64_t n = 0; n < y_.batch; ++n) {
      Vector image_sum = {};
      const float* dy = dy_row(args, n, block, 0);
      for (std::int64_t i = 0; i < y_.height * y_.width; ++i) image_sum += load(dy + i * kLanes);
      sum += image_sum;
    }
    const std::int64_t first = block * kLanes,
                       count = std::min<std::int64_t>(kLanes, problem_.y.shape[1] - first);
    for (std::int64_t lane = 0; lane < count; ++lane)
      static_cast<float*>(args.dbias)[first + lane] = sum[lane];
  }

  Conv2dProblem problem_;
  Image y_;
  std::int64_t tap_groups_;
  int threads_;
};

}  // namespace

bool conv2d_few_channels_applies(const Conv2dProblem& problem) {
  const Layout& weight = problem.weight.layout;
  return problem.x.dtype == DType::float32 && problem.groups == 1 && problem.y.elements() > 0 &&
         problem.x.layout == Layout::row_major(problem.x.shape) && is_blocked_image(problem.y) &&
         weight.blocks() == 1 && weight.block(0) == Layout::Block{0, kLanes};
}

std::unique_ptr<PreparedKernel<Conv2dBackwardWeightsArgs>> conv2d_backward_weights_few_channels(
    const Stream& stream, const Conv2dProblem& problem) {
  return std::make_unique<BackwardWeights>(stream, problem);
}
#else  // whose vectors are too short
bool conv2d_few_channels_applies(const Conv2dProblem&) { return false; }
std::unique_ptr<PreparedKernel<Conv2dBackwardWeightsArgs>> conv2d_backward_weights_few_channels(
    const Stream&, const Conv2dProblem&) {
  return nullptr;
}
#endif

}  // namespace slipway::cpu
