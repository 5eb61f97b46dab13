#include "kernels/cpu/conv2d_blocked.h"

#ifdef __AVX2__
#include "kernels/cpu/blocked_image.h"
#endif

namespace slipway::cpu {
#ifdef __AVX2__
namespace {

constexpr std::int64_t kPieceElements = 16 * 1024;  // of transposed weights, which stay in the cache
constexpr std::int64_t kPixels = 256;               // of dy that are worked on together, likewise
constexpr int kTileRows = 6;                        // pixels of dx computed together

/// One axis of the window, seen from the input: inputs of one phase, those at equal distance from a multiple
/// of the stride, are reached by the same taps.
class Axis {
 public:
  Axis(const Conv2dProblem& problem, int axis)
      : inputs_(problem.x.shape[2 + axis]),
        taps_(problem.weight.shape[2 + axis]),
        stride_(problem.window.stride[static_cast<std::size_t>(axis)]) {
    const auto k = static_cast<std::size_t>(axis);
    const std::int64_t reach = problem.y.shape[2 + axis] * stride_;
    taps_of_phase_.resize(static_cast<std::size_t>(phases()));
    for (std::int64_t input = 0; input < inputs_; ++input) {
      for (std::int64_t tap = 0; tap < taps_; ++tap) {
        const std::int64_t scaled =
            input + problem.window.padding_begin[k] - tap * problem.window.dilation[k];
        if (input < phases() && scaled % stride_ == 0) {
          taps_of_phase_[static_cast<std::size_t>(input)].push_back(tap);
        }
        outputs_.push_back(scaled >= 0 && scaled < reach ? scaled / stride_ : -1);
      }
    }
  }

  std::int64_t phases() const { return std::min(stride_, inputs_); }
  /// How many inputs a phase has.
  std::int64_t inputs(std::int64_t phase) const { return (inputs_ - phase + stride_ - 1) / stride_; }
  /// Which taps reach them.
  const std::vector<std::int64_t>& taps(std::int64_t phase) const {
    return taps_of_phase_[static_cast<std::size_t>(phase)];
  }
  /// The output that such a tap connects with an input, or -1 if it lies outside.
  std::int64_t output(std::int64_t input, std::int64_t tap) const {
    return outputs_[static_cast<std::size_t>(input * taps_ + tap)];
  }
  std::int64_t stride() const { return stride_; }

 private:
  std::int64_t inputs_, taps_, stride_;
  std::vector<std::int64_t> outputs_;  // [input][tap]
  std::vector<std::vector<std::int64_t>> taps_of_phase_;
};

/// A phase of both axes: which pixels, and which taps reach them.
struct Phase {
  std::int64_t row, column;    // the first pixel
  std::int64_t rows, columns;  // pixels down and across
  std::vector<std::int64_t> row_taps, column_taps;
};

std::vector<Phase> phases_of(const Axis& vertical, const Axis& horizontal) {
  std::vector<Phase> phases;
  for (std::int64_t row = 0; row < vertical.phases(); ++row) {
    for (std::int64_t column = 0; column < horizontal.phases(); ++column) {
      phases.push_back({.row = row,
                        .column = column,
                        .rows = vertical.inputs(row),
                        .columns = horizontal.inputs(column),
                        .row_taps = vertical.taps(row),
                        .column_taps = horizontal.taps(column)});
    }
  }
  return phases;
}

/// The threads share out the images. Of a few images at a time and a few blocks of outputs, dy is copied so
/// that a pixel's channels lie together, behind one more pixel of zeros, which stands for all that lie
/// outside.
class BackwardData : public PreparedKernel<Conv2dBackwardDataArgs> {
 public:
  BackwardData(const Stream& stream, const Conv2dProblem& problem)
      : x_(problem.x),
        y_(problem.y),
        weights_(problem.weight.shape),
        kernel_width_(problem.weight.shape[3]),
        groups_(problem.groups),
        vertical_(problem, 0),
        horizontal_(problem, 1),
        phases_(phases_of(vertical_, horizontal_)) {
    const double flops = 2.0 * static_cast<double>(problem.y.elements()) *
                         static_cast<double>(problem.weight.shape.elements(1, 4));
    threads_ = std::min<std::int64_t>(threads_worth(stream, flops), x_.batch);
    depth_ = std::clamp<std::int64_t>(kPieceElements / (weights_.taps * kLanes * kLanes * kMaxVectors), 1,
                                      y_.blocks / groups_);
    images_ =
        std::clamp<std::int64_t>(kPixels / (y_.height * y_.width), 1, (x_.batch + threads_ - 1) / threads_);
  }

  std::size_t scratch_bytes() const override {
    return static_cast<std::size_t>(threads_ * thread_elements()) * sizeof(float);
  }

  // dx[n, i, ...] = sum_{o, p, q} weight[o, i, p, q] dy[n, o, ...]
  void run(const Stream&, const Conv2dBackwardDataArgs& args) override {
    auto* scratch = reinterpret_cast<float*>(args.scratch);
    parallel_each({.threads = static_cast<int>(threads_)}, threads_, [&](std::int64_t thread) {
      float* piece = scratch + thread * thread_elements();
      for (std::int64_t begin = thread * images_; begin < x_.batch; begin += threads_ * images_) {
        const Images images{begin, std::min(images_, x_.batch - begin)};
        for (std::int64_t group = 0; group < groups_; ++group) compute(args, images, group, piece);
      }
    });
  }

 private:
  struct Images {
    std::int64_t begin, count;
  };

  std::int64_t piece_elements() const { return weights_.taps * depth_ * kLanes * kMaxVectors * kLanes; }
  std::int64_t pixel_elements() const { return depth_ * kLanes; }
  std::int64_t thread_elements() const {
    return piece_elements() + (1 + images_ * y_.height * y_.width) * pixel_elements();
  }

  void compute(const Conv2dBackwardDataArgs& args, const Images& images, std::int64_t group,
               float* piece) const {
    float* pixels = piece + piece_elements();
    const std::int64_t outputs = y_.blocks / groups_;
    for (std::int64_t done = 0; done < outputs; done += depth_) {
      const std::int64_t output = group * outputs + done, depth = std::min(depth_, outputs - done);
      gather(static_cast<const float*>(args.dy) + images.begin * y_.batch_stride + output * y_.block_stride,
             images.count, depth, pixels);
      for (std::int64_t input = 0; input < weights_.in_blocks; input += kMaxVectors) {
        float* dx = static_cast<float*>(args.dx) + images.begin * x_.batch_stride +
                    (group * weights_.in_blocks + input) * x_.block_stride;
        with_vectors(weights_.in_blocks - input, [&]<int kVectors>() {
          transpose_weights<kVectors>(static_cast<const float*>(args.weight), input, output, depth, piece);
          for (const Phase& phase : phases_) {
            add<kVectors>({phase, images.count, depth, done == 0}, pixels, piece, dx);
          }
        });
      }
    }
  }

  /// pixels[0] = 0, pixels[1 + pixel][output block][output] = dy[image][output block][pixel][output]
  void gather(const float* dy, std::int64_t images, std::int64_t depth, float* pixels) const {
    std::fill_n(pixels, pixel_elements(), 0.0F);
    float* to = pixels + pixel_elements();
    const std::int64_t area = y_.height * y_.width;
    for (std::int64_t n = 0; n < images; ++n) {
      for (std::int64_t d = 0; d < depth; ++d) {
        const float* from = dy + n * y_.batch_stride + d * y_.block_stride;
        for (std::int64_t i = 0; i < area; ++i) {
          store(to + (n * area + i) * pixel_elements() + d * kLanes, load(from + i * kLanes));
        }
      }
    }
  }

  /// piece[tap][output block][output][vector] from weight[output block][input block][tap][input][output].
  template <int kVectors>
  void transpose_weights(const float* weight, std::int64_t input, std::int64_t output, std::int64_t depth,
                         float* piece) const {
    for (std::int64_t d = 0; d < depth; ++d) {
      for (int v = 0; v < kVectors; ++v) {
        const float* block = weight + weights_.offset(output + d, input + v);
        for (std::int64_t tap = 0; tap < weights_.taps; ++tap) {
          transpose(block + tap * kLanes * kLanes, kLanes,
                    piece + ((tap * depth_ + d) * kLanes * kVectors + v) * kLanes, kVectors * kLanes);
        }
      }
    }
  }

  /// Which pixels of how many images, and how many output blocks contribute.
  struct Part {
    const Phase& phase;
    std::int64_t images, depth;
    bool is_first;  // begins the sums
  };

  template <int kVectors>
  void add(const Part& part, const float* pixels, const float* piece, float* dx) const {
    const std::int64_t count = part.images * part.phase.rows * part.phase.columns;
    std::int64_t first = 0;
    for (; first + kTileRows <= count; first += kTileRows) {
      add_tile<kVectors, kTileRows>(part, first, pixels, piece, dx);
    }
    for (; first < count; ++first) add_tile<kVectors, 1>(part, first, pixels, piece, dx);
  }

  /// kRows pixels of the phase from the `first` on, counted through all images.
  template <int kVectors, int kRows>
  void add_tile(const Part& part, std::int64_t first, const float* pixels, const float* piece,
                float* dx) const {
    const Phase& phase = part.phase;
    std::int64_t image[kRows], row[kRows], column[kRows];
    float* to[kRows];
    Vector sum[kRows][kVectors];
    std::int64_t n = first / (phase.rows * phase.columns), h = first / phase.columns % phase.rows,
                 w = first % phase.columns;
    for (int r = 0; r < kRows; ++r) {
      image[r] = n;
      row[r] = phase.row + h * vertical_.stride();
      column[r] = phase.column + w * horizontal_.stride();
      to[r] = dx + n * x_.batch_stride + (row[r] * x_.width + column[r]) * kLanes;
      for (int v = 0; v < kVectors; ++v) {
        sum[r][v] = part.is_first ? Vector{} : load(to[r] + v * x_.block_stride);
      }
      if (++w < phase.columns) continue;
      w = 0;
      if (++h < phase.rows) continue;
      h = 0;
      ++n;
    }
    for (const std::int64_t row_tap : phase.row_taps) {
      for (const std::int64_t column_tap : phase.column_taps) {
        const float* dy[kRows];
        for (int r = 0; r < kRows; ++r) {
          const std::int64_t y = vertical_.output(row[r], row_tap),
                             x = horizontal_.output(column[r], column_tap);
          const bool outside = y < 0 || x < 0;
          dy[r] = pixels + (outside ? 0 : 1 + (image[r] * y_.height + y) * y_.width + x) * pixel_elements();
        }
        const float* weights =
            piece + (row_tap * kernel_width_ + column_tap) * depth_ * kLanes * kVectors * kLanes;
        for (std::int64_t k = 0; k < part.depth * kLanes; ++k) {
          Vector weight[kVectors];
          for (int v = 0; v < kVectors; ++v) weight[v] = load(weights + (k * kVectors + v) * kLanes);
          for (int r = 0; r < kRows; ++r) {
            for (int v = 0; v < kVectors; ++v) sum[r][v] += dy[r][k] * weight[v];
          }
        }
      }
    }
    for (int r = 0; r < kRows; ++r) {
      for (int v = 0; v < kVectors; ++v) store(to[r] + v * x_.block_stride, sum[r][v]);
    }
  }

  Image x_, y_;
  Weights weights_;
  std::int64_t kernel_width_, groups_;
  Axis vertical_, horizontal_;
  std::vector<Phase> phases_;
  std::int64_t threads_ = 1, depth_ = 1, images_ = 1;
};

}  // namespace

bool conv2d_blocked_applies(const Conv2dProblem& problem) {
  const bool whole_groups = problem.groups == 1 || (problem.weight.shape[1] % kLanes == 0 &&
                                                    problem.weight.shape[0] / problem.groups % kLanes == 0);
  return problem.x.dtype == DType::float32 && problem.y.elements() > 0 && whole_groups &&
         is_blocked_image(problem.x) && is_blocked_image(problem.y) && are_blocked_weights(problem.weight);
}

std::unique_ptr<PreparedKernel<Conv2dBackwardDataArgs>> conv2d_backward_data_blocked(
    const Stream& stream, const Conv2dProblem& problem) {
  return std::make_unique<BackwardData>(stream, problem);
}
#else  // whose vectors are too short
bool conv2d_blocked_applies(const Conv2dProblem&) { return false; }
std::unique_ptr<PreparedKernel<Conv2dBackwardDataArgs>> conv2d_backward_data_blocked(const Stream&,
                                                                                     const Conv2dProblem&) {
  return nullptr;
}
#endif

}  // namespace slipway::cpu
