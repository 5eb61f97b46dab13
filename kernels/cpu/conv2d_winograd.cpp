#include "kernels/cpu/conv2d_winograd.h"

#ifdef __AVX2__
#include "kernels/cpu/winograd_chunks.h"
#endif

namespace slipway::cpu {
#ifdef __AVX2__
namespace {

using namespace winograd;

constexpr std::int64_t kMostTilesOfImage = 1024;
constexpr std::int64_t kMaxDepth = 4;  // blocks of inputs whose weights are transformed together

/// Between the transformed weights of two points: a cache line more than they take, or all points' would lie
/// in the same few sets of the first-level cache.
template <int kVectors>
constexpr std::int64_t kPieceStride = 16 + (kMaxDepth * kLanes * kVectors * kLanes);

/// A convolution, or the gradient of its input: that is a convolution of dy by the turned weights, with
/// inputs and outputs exchanged.
enum class Direction { forward, backward };

class Multiply {
 public:
  Multiply(const Stream& stream, Direction direction, const Conv2dProblem& p)
      : direction_(direction),
        from_(direction == Direction::forward ? p.x : p.y),
        to_(direction == Direction::forward ? p.y : p.x),
        chunks_(direction == Direction::forward ? p.y : p.x),
        weights_(p.weight.shape),
        padding_(p.window.padding_begin),
        activation_(p.activation) {
    slots_ = group_slots(stream, to_.blocks);
    if (direction == Direction::backward) padding_ = {2 - padding_[0], 2 - padding_[1]};
  }

  std::size_t scratch_bytes() const {
    const Tiles tiles = chunks_.most();
    return static_cast<std::size_t>(from_.blocks * tiles.block() + slots_ * group_elements(tiles)) *
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
    chunks_.each([&](const Chunk& chunk) {
      const Tiles& tiles = chunk.tiles;
      transform_image<InputTransform>(stream, from_, values.from + chunk.begin * from_.batch_stride, tiles,
                                      padding_, transformed);
      float* groups = transformed + from_.blocks * tiles.block();
      for_each_group(stream, slots_, to_.blocks, [&]<int kVectors>(std::int64_t slot, std::int64_t first) {
        float* sums = groups + slot * group_elements(tiles);
        multiply<kVectors>(values.weight, tiles, transformed, first, sums);
        for (int v = 0; v < kVectors; ++v) write<kVectors>(values, chunk, first, v, sums);
      });
    });
  }

 private:
  /// Sums [point][tile][vector] and a piece of the transformed weights [point][input][vector].
  static std::int64_t group_elements(const Tiles& tiles) {
    return tiles.block() * kMaxVectors + kPoints * kPieceStride<kMaxVectors>;
  }

  template <int kVectors>
  void multiply(const float* weight, const Tiles& tiles, const float* transformed, std::int64_t first,
                float* sums) const {
    float* piece = sums + tiles.block() * kMaxVectors;
    for (std::int64_t block = 0; block < from_.blocks; block += kMaxDepth) {
      const std::int64_t depth = std::min(kMaxDepth, from_.blocks - block);
      for (std::int64_t d = 0; d < depth; ++d) {
        for (int v = 0; v < kVectors; ++v) {
          transform_weights<kVectors>(weight, first + v, block + d,
                                      piece + (d * kLanes * kVectors + v) * kLanes);
        }
      }
      for (int e = 0; e < kPoints; ++e) {
        for (std::int64_t next = block + depth; next < std::min(block + depth + kMaxDepth, from_.blocks);
             ++next) {
          for (int v = 0; v < kVectors; ++v) prefetch_share<0>(block_of(weight, first + v, next), e);
        }
        product<kVectors>({.a = transformed + block * tiles.block() + e * tiles.stride() * kLanes,
                           .a_row = kLanes,
                           .a_k = 1,
                           .a_block = tiles.block(),
                           .b = piece + e * kPieceStride<kVectors>,
                           .b_k = kVectors * kLanes,
                           .b_vector = kLanes,
                           .b_block = kLanes * kVectors * kLanes,
                           .c = sums + e * tiles.stride() * kVectors * kLanes,
                           .c_row = kVectors * kLanes,
                           .c_vector = kLanes,
                           .blocks = depth,
                           .depth = kLanes,
                           .accumulate = block > 0},
                          tiles.count());
      }
    }
  }

  /// The weights of a block of inputs and one of outputs.
  const float* block_of(const float* weight, std::int64_t to_block, std::int64_t from_block) const {
    const bool forward = direction_ == Direction::forward;
    return weight + (forward ? weights_.offset(to_block, from_block) : weights_.offset(from_block, to_block));
  }

  /// G w Gᵀ of a block of inputs and one of outputs: to[point][input][...][output].
  template <int kVectors>
  void transform_weights(const float* weight, std::int64_t to_block, std::int64_t from_block,
                         float* to) const {
    const float* block = block_of(weight, to_block, from_block);
    float turned[9 * kLanes * kLanes];
    if (direction_ == Direction::backward) {
      for (int k = 0; k < 9; ++k) {
        transpose(block + (8 - k) * kLanes * kLanes, kLanes, turned + k * kLanes * kLanes, kLanes);
      }
      block = turned;
    }
    for (int i = 0; i < kLanes; ++i) {
      const float* const taps = block + i * kLanes;
      float* const first = to + i * kVectors * kLanes;
      transform<WeightTransform>(
          [&](int k) { return load(taps + k * kLanes * kLanes); },
          [&](int e, Vector point) { store(first + e * kPieceStride<kVectors>, point); });
    }
  }

  template <int kVectors>
  void write(const Values& values, const Chunk& chunk, std::int64_t first, int v, const float* sums) const {
    const Tiles& tiles = chunk.tiles;
    const Vector bias = values.bias ? load(values.bias + (first + v) * kLanes) : Vector{};
    const std::int64_t step = tiles.stride() * kVectors * kLanes;
    for (std::int64_t t = 0; t < tiles.count(); ++t) {
      const float* const points = sums + (t * kVectors + v) * kLanes;
      Vector pixels[kOutput * kOutput];
      transform<OutputTransform>([&](int e) { return load(points + e * step); },
                                 [&](int i, Vector pixel) { pixels[i] = pixel; });
      const Place place(tiles, t, 0, 0);
      const std::int64_t plane = (chunk.begin + place.n) * to_.batch_stride + (first + v) * to_.block_stride;
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
  Chunks chunks_;
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

}  // namespace

bool conv2d_winograd_applies(const Conv2dProblem& problem) {
  const Shape& weight = problem.weight.shape;
  const Window2d& window = problem.window;
  constexpr std::array<std::int64_t, 2> kOne{1, 1};
  if (problem.x.dtype != DType::float32 || problem.groups != 1) return false;
  if (weight[2] != 3 || weight[3] != 3 || window.stride != kOne || window.dilation != kOne) return false;
  if (std::max(window.padding_begin[0], window.padding_begin[1]) > 2) return false;
  const Tiles tiles = cover(problem.y);
  if (tiles.count() == 0 || tiles.rows * tiles.columns > kMostTilesOfImage) return false;
  return is_blocked_image(problem.x) && is_blocked_image(problem.y) && weight[0] % kLanes == 0 &&
         weight[1] % kLanes == 0 && are_blocked_weights(problem.weight);
}

bool conv2d_winograd_wins(const Conv2dProblem& problem) {
  const std::int64_t tiles = cover(problem.y).count();
  const std::int64_t channels = std::min(problem.x.shape[1], problem.y.shape[1]);
#ifdef __AVX512F__
  return tiles >= 16 && tiles <= 192 && channels >= 128;  // elsewhere oneDNN's is faster
#else
  return tiles >= 8 && channels >= 32;  // oneDNN has none
#endif
}

std::unique_ptr<PreparedKernel<Conv2dArgs>> conv2d_forward_winograd(const Stream& stream,
                                                                    const Conv2dProblem& problem) {
  return std::make_unique<Forward>(stream, problem);
}
std::unique_ptr<PreparedKernel<Conv2dBackwardDataArgs>> conv2d_backward_data_winograd(
    const Stream& stream, const Conv2dProblem& problem) {
  return std::make_unique<BackwardData>(stream, problem);
}
#else  // whose vectors are too short
bool conv2d_winograd_applies(const Conv2dProblem&) { return false; }
bool conv2d_winograd_wins(const Conv2dProblem&) { return false; }
std::unique_ptr<PreparedKernel<Conv2dArgs>> conv2d_forward_winograd(const Stream&, const Conv2dProblem&) {
  return nullptr;
}
std::unique_ptr<PreparedKernel<Conv2dBackwardDataArgs>> conv2d_backward_data_winograd(const Stream&,
                                                                                      const Conv2dProblem&) {
  return nullptr;
}
#endif

}  // namespace slipway::cpu
