#include "kernels/cpu/conv2d_winograd.h"

#ifdef __AVX512F__
#include "kernels/cpu/winograd_image.h"
#endif

namespace slipway::cpu {
#ifdef __AVX512F__
namespace {

using namespace winograd;

/// A convolution, or the gradient of its input: that is a convolution of dy by the turned weights, with
/// inputs and outputs exchanged.
enum class Direction { forward, backward };

class Multiply {
 public:
  Multiply(const Stream& stream, Direction direction, const Conv2dProblem& p)
      : direction_(direction),
        from_(direction == Direction::forward ? p.x : p.y),
        to_(direction == Direction::forward ? p.y : p.x),
        tiles_(cover(direction == Direction::forward ? p.y : p.x)),
        weights_{p.weight.shape[1] / kLanes},
        padding_(p.window.padding_begin),
        activation_(p.activation) {
    slots_ = group_slots(stream, to_.blocks);
    if (direction == Direction::backward) padding_ = {2 - padding_[0], 2 - padding_[1]};
  }

  std::size_t scratch_bytes() const {
    return static_cast<std::size_t>(from_.blocks * tiles_.block() + slots_ * group_elements()) *
           sizeof(float);
  }

  struct Values {
    const float* from;
    const float* weight;
    const float* bias;
    const float* residual;
    float* to;
  };
  void run(const Stream& stream, const Values& values, std::byte* scratch) const {
    auto* transformed = reinterpret_cast<float*>(scratch);
    transform_image<InputTransform>(stream, from_, values.from, tiles_, padding_, transformed);
    float* groups = transformed + from_.blocks * tiles_.block();
    for_each_group(stream, slots_, to_.blocks, [&]<int kVectors>(std::int64_t slot, std::int64_t first) {
      float* sums = groups + slot * group_elements();
      multiply<kVectors>(values.weight, transformed, first, sums, sums + tiles_.block() * kMaxVectors);
      for (int v = 0; v < kVectors; ++v) write<kVectors>(values, first, v, sums);
    });
  }

 private:
  /// Sums [point][tile][vector] and a piece of the transformed weights [point][input][vector].
  std::int64_t group_elements() const {
    return (tiles_.block() + kPoints * kMaxDepth * kLanes * kLanes) * kMaxVectors;
  }

  template <int kVectors>
  void multiply(const float* weight, const float* transformed, std::int64_t first, float* sums,
                float* piece) const {
    for (std::int64_t block = 0; block < from_.blocks; block += kMaxDepth) {
      const std::int64_t depth = std::min(kMaxDepth, from_.blocks - block);
      for (std::int64_t d = 0; d < depth; ++d) {
        for (int v = 0; v < kVectors; ++v) {
          transform_weights<kVectors>(weight, first + v, block + d,
                                      piece + (d * kLanes * kVectors + v) * kLanes);
        }
      }
      for (int e = 0; e < kPoints; ++e) {
        product<kVectors>({.a = transformed + block * tiles_.block() + e * tiles_.count() * kLanes,
                           .a_row = kLanes,
                           .a_k = 1,
                           .a_block = tiles_.block(),
                           .b = piece + e * kMaxDepth * kLanes * kVectors * kLanes,
                           .b_k = kVectors * kLanes,
                           .b_vector = kLanes,
                           .b_block = kLanes * kVectors * kLanes,
                           .c = sums + e * tiles_.count() * kVectors * kLanes,
                           .c_row = kVectors * kLanes,
                           .c_vector = kLanes,
                           .blocks = depth,
                           .depth = kLanes,
                           .accumulate = block > 0},
                          tiles_.count());
      }
    }
  }

  /// G w Gᵀ of 16 inputs and 16 outputs: to[point][input][...][output].
  template <int kVectors>
  void transform_weights(const float* weight, std::int64_t to_block, std::int64_t from_block,
                         float* to) const {
    const bool forward = direction_ == Direction::forward;
    const float* block =
        weight + (forward ? weights_.offset(to_block, from_block) : weights_.offset(from_block, to_block));
    float turned[9 * kLanes * kLanes];
    if (!forward) {
      for (int k = 0; k < 9; ++k) {
        transpose(block + (8 - k) * kLanes * kLanes, kLanes, turned + k * kLanes * kLanes, kLanes);
      }
      block = turned;
    }
    for (int i = 0; i < kLanes; ++i) {
      Vector taps[9], points[kPoints];
      for (int k = 0; k < 9; ++k) taps[k] = load(block + (k * kLanes + i) * kLanes);
      transform<WeightTransform>(taps, points);
      for (int e = 0; e < kPoints; ++e) {
        store(to + (e * kMaxDepth * kLanes + i) * kVectors * kLanes, points[e]);
      }
    }
  }

  template <int kVectors>
  void write(const Values& values, std::int64_t first, int v, const float* sums) const {
    const Vector bias = values.bias ? load(values.bias + (first + v) * kLanes) : Vector{};
    for (std::int64_t t = 0; t < tiles_.count(); ++t) {
      Vector points[kPoints], pixels[kOutput * kOutput];
      for (int e = 0; e < kPoints; ++e) {
        points[e] = load(sums + ((e * tiles_.count() + t) * kVectors + v) * kLanes);
      }
      transform<OutputTransform>(points, pixels);
      const Place place(tiles_, t, 0, 0);
      const std::int64_t plane = place.n * to_.batch_stride + (first + v) * to_.block_stride;
      for (std::int64_t r = 0; r < std::min<std::int64_t>(kOutput, to_.height - place.row); ++r) {
        for (std::int64_t c = 0; c < std::min<std::int64_t>(kOutput, to_.width - place.column); ++c) {
          const std::int64_t offset = plane + ((place.row + r) * to_.width + place.column + c) * kLanes;
          Vector value = pixels[r * kOutput + c] + bias;
          if (values.residual) value += load(values.residual + offset);
          if (activation_ == Activation::relu) value = value < 0.0F ? Vector{} : value;
          store(values.to + offset, value);
        }
      }
    }
  }

  Direction direction_;
  Image from_, to_;
  Tiles tiles_;
  Weights weights_;
  std::array<std::int64_t, 2> padding_;
  Activation activation_;
  std::int64_t slots_ = 1;
};

class Forward : public PreparedKernel<Conv2dArgs> {
 public:
  Forward(const Stream& stream, const Conv2dProblem& problem)
      : multiply_(stream, Direction::forward, problem) {}
  std::size_t scratch_bytes() const override { return multiply_.scratch_bytes(); }
  void run(const Stream& stream, const Conv2dArgs& args) override {
    multiply_.run(stream,
                  {static_cast<const float*>(args.x), static_cast<const float*>(args.weight),
                   static_cast<const float*>(args.bias), static_cast<const float*>(args.residual),
                   static_cast<float*>(args.y)},
                  args.scratch);
  }

 private:
  Multiply multiply_;
};

class BackwardData : public PreparedKernel<Conv2dBackwardDataArgs> {
 public:
  BackwardData(const Stream& stream, const Conv2dProblem& problem)
      : multiply_(stream, Direction::backward, problem) {}
  std::size_t scratch_bytes() const override { return multiply_.scratch_bytes(); }
  void run(const Stream& stream, const Conv2dBackwardDataArgs& args) override {
    multiply_.run(stream,
                  {static_cast<const float*>(args.dy), static_cast<const float*>(args.weight), nullptr,
                   nullptr, static_cast<float*>(args.dx)},
                  args.scratch);
  }

 private:
  Multiply multiply_;
};

class BackwardWeights : public PreparedKernel<Conv2dBackwardWeightsArgs> {
 public:
  BackwardWeights(const Stream& stream, const Conv2dProblem& problem)
      : x_(problem.x),
        y_(problem.y),
        tiles_(cover(problem.y)),
        weights_{problem.weight.shape[1] / kLanes},
        padding_(problem.window.padding_begin),
        slots_(group_slots(stream, y_.blocks)) {}
  std::size_t scratch_bytes() const override {
    return static_cast<std::size_t>((x_.blocks + y_.blocks) * tiles_.block() + slots_ * group_elements()) *
           sizeof(float);
  }
  void run(const Stream& stream, const Conv2dBackwardWeightsArgs& args) override {
    auto* x = reinterpret_cast<float*>(args.scratch);
    float* dy = x + x_.blocks * tiles_.block();
    float* groups = dy + y_.blocks * tiles_.block();
    transform_image<InputTransform>(stream, x_, static_cast<const float*>(args.x), tiles_, padding_, x);
    transform_image<OutputGradientTransform>(stream, y_, static_cast<const float*>(args.dy), tiles_, {0, 0},
                                             dy);
    for_each_group(stream, slots_, y_.blocks, [&]<int kVectors>(std::int64_t slot, std::int64_t first) {
      float* sums = groups + slot * group_elements();
      for (std::int64_t block = 0; block < x_.blocks; ++block) {
        for (int e = 0; e < kPoints; ++e) {
          product<kVectors>({.a = x + block * tiles_.block() + e * tiles_.count() * kLanes,
                             .a_row = 1,
                             .a_k = kLanes,
                             .a_block = 0,
                             .b = dy + first * tiles_.block() + e * tiles_.count() * kLanes,
                             .b_k = kLanes,
                             .b_vector = tiles_.block(),
                             .b_block = 0,
                             .c = sums + e * kLanes * kVectors * kLanes,
                             .c_row = kVectors * kLanes,
                             .c_vector = kLanes,
                             .blocks = 1,
                             .depth = tiles_.count(),
                             .accumulate = false},
                            kLanes);
        }
        for (int v = 0; v < kVectors; ++v) {
          write<kVectors>(sums, v, static_cast<float*>(args.dweight) + weights_.offset(first + v, block));
        }
      }
      if (args.dbias) {
        for (int v = 0; v < kVectors; ++v) {
          sum_bias(static_cast<const float*>(args.dy), first + v, static_cast<float*>(args.dbias));
        }
      }
    });
  }

 private:
  /// Products of one block of inputs: [point][input][vector].
  static std::int64_t group_elements() { return kPoints * kLanes * kMaxVectors * kLanes; }

  template <int kVectors>
  static void write(const float* sums, int v, float* dweight) {
    for (int i = 0; i < kLanes; ++i) {
      Vector points[kPoints], taps[9];
      for (int e = 0; e < kPoints; ++e) points[e] = load(sums + ((e * kLanes + i) * kVectors + v) * kLanes);
      transform<WeightGradientTransform>(points, taps);
      for (int k = 0; k < 9; ++k) store(dweight + (k * kLanes + i) * kLanes, taps[k]);
    }
  }

  void sum_bias(const float* dy, std::int64_t block, float* dbias) const {
    Vector sum{};
    for (std::int64_t n = 0; n < tiles_.batch; ++n) {
      const float* plane = dy + n * y_.batch_stride + block * y_.block_stride;
      for (std::int64_t i = 0; i < y_.height * y_.width; ++i) sum += load(plane + i * kLanes);
    }
    store(dbias + block * kLanes, sum);
  }

  Image x_, y_;
  Tiles tiles_;
  Weights weights_;
  std::array<std::int64_t, 2> padding_;
  std::int64_t slots_;
};

bool blocked_by_lanes(const ValueType& type) {
  const Layout& layout = type.layout;
  return layout.blocks() == 1 && layout.block(0) == Layout::Block{1, kLanes} && type.shape[1] % kLanes == 0 &&
         layout.strides()[3] == kLanes && layout.strides()[2] == kLanes * type.shape[3];
}

}  // namespace

bool conv2d_winograd_applies(const Conv2dProblem& problem) {
  const Shape& weight = problem.weight.shape;
  const Window2d& window = problem.window;
  constexpr std::array<std::int64_t, 2> kOne{1, 1};
  if (problem.x.dtype != DType::float32 || problem.groups != 1) return false;
  if (weight[2] != 3 || weight[3] != 3 || window.stride != kOne || window.dilation != kOne) return false;
  if (std::max(window.padding_begin[0], window.padding_begin[1]) > 2) return false;
  const Layout expected = Layout::blocked(weight, {0, 1, 2, 3}, {{1, kLanes}, {0, kLanes}});
  return problem.y.elements() > 0 && blocked_by_lanes(problem.x) && blocked_by_lanes(problem.y) &&
         weight[0] % kLanes == 0 && weight[1] % kLanes == 0 && problem.weight.layout == expected;
}

bool conv2d_winograd_wins(const Conv2dProblem& problem) {
  constexpr std::int64_t kFewest = 16, kMost = 192, kChannels = 128;
  const std::int64_t tiles = cover(problem.y).count();
  return tiles >= kFewest && tiles <= kMost && std::min(problem.x.shape[1], problem.y.shape[1]) >= kChannels;
}

std::unique_ptr<PreparedKernel<Conv2dArgs>> conv2d_forward_winograd(const Stream& stream,
                                                                    const Conv2dProblem& problem) {
  return std::make_unique<Forward>(stream, problem);
}
std::unique_ptr<PreparedKernel<Conv2dBackwardDataArgs>> conv2d_backward_data_winograd(
    const Stream& stream, const Conv2dProblem& problem) {
  return std::make_unique<BackwardData>(stream, problem);
}
std::unique_ptr<PreparedKernel<Conv2dBackwardWeightsArgs>> conv2d_backward_weights_winograd(
    const Stream& stream, const Conv2dProblem& problem) {
  return std::make_unique<BackwardWeights>(stream, problem);
}
#else  // its tiles would not fit into the registers
bool conv2d_winograd_applies(const Conv2dProblem&) { return false; }
bool conv2d_winograd_wins(const Conv2dProblem&) { return false; }
std::unique_ptr<PreparedKernel<Conv2dArgs>> conv2d_forward_winograd(const Stream&, const Conv2dProblem&) {
  return nullptr;
}
std::unique_ptr<PreparedKernel<Conv2dBackwardDataArgs>> conv2d_backward_data_winograd(const Stream&,
                                                                                      const Conv2dProblem&) {
  return nullptr;
}
std::unique_ptr<PreparedKernel<Conv2dBackwardWeightsArgs>> conv2d_backward_weights_winograd(
    const Stream&, const Conv2dProblem&) {
  return nullptr;
}
#endif

}  // namespace slipway::cpu
