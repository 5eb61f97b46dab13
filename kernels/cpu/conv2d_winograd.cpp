#include "kernels/cpu/conv2d_winograd.h"

#ifdef __AVX2__
#include "kernels/cpu/winograd_image.h"
#endif

namespace slipway::cpu {
#ifdef __AVX2__
namespace {

using namespace winograd;

/// Tiles that are transformed together, so that they stay in the second-level cache.
constexpr std::int64_t kMostTiles = 192;
constexpr std::int64_t kMostTilesOfImage = 1024;
constexpr std::int64_t kMaxDepth = 4;  // blocks of inputs whose weights are transformed together

/// The tiles of as many images as are worked on together, from image `begin` on.
struct Chunk {
  std::int64_t begin;
  Tiles tiles;
};
class Chunks {
 public:
  explicit Chunks(const ValueType& output)
      : all_(cover(output)),
        images_(std::clamp<std::int64_t>(kMostTiles / (all_.rows * all_.columns), 1, all_.batch)) {}
  /// Those of a whole chunk.
  Tiles most() const { return {images_, all_.rows, all_.columns}; }
  template <class Body>
  void each(Body&& body) const {
    for (std::int64_t begin = 0; begin < all_.batch; begin += images_) {
      body(Chunk{begin, {std::min(images_, all_.batch - begin), all_.rows, all_.columns}});
    }
  }

 private:
  Tiles all_;
  std::int64_t images_;
};

/// How many groups of output blocks are worked on at once, each with memory of its own.
std::int64_t group_slots(const Stream& stream, std::int64_t blocks) {
  const std::int64_t groups = (blocks + kMaxVectors - 1) / kMaxVectors;
  return std::max<std::int64_t>(1, std::min<std::int64_t>(stream.threads, groups));
}

/// Calls body.template operator()<kVectors>(slot, first block) for groups of blocks, in parallel.
template <class Body>
void for_each_group(const Stream& stream, std::int64_t slots, std::int64_t blocks, Body&& body) {
  parallel_each(stream, slots, [&](std::int64_t slot) {
    for (std::int64_t first = slot * kMaxVectors; first < blocks; first += slots * kMaxVectors) {
      with_vectors(blocks - first, [&]<int kVectors>() { body.template operator()<kVectors>(slot, first); });
    }
  });
}

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
    return (tiles.block() + kPoints * kMaxDepth * kLanes * kLanes) * kMaxVectors;
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
        product<kVectors>({.a = transformed + block * tiles.block() + e * tiles.count() * kLanes,
                           .a_row = kLanes,
                           .a_k = 1,
                           .a_block = tiles.block(),
                           .b = piece + e * kMaxDepth * kLanes * kVectors * kLanes,
                           .b_k = kVectors * kLanes,
                           .b_vector = kLanes,
                           .b_block = kLanes * kVectors * kLanes,
                           .c = sums + e * tiles.count() * kVectors * kLanes,
                           .c_row = kVectors * kLanes,
                           .c_vector = kLanes,
                           .blocks = depth,
                           .depth = kLanes,
                           .accumulate = block > 0},
                          tiles.count());
      }
    }
  }

  /// G w Gᵀ of a block of inputs and one of outputs: to[point][input][...][output].
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
  void write(const Values& values, const Chunk& chunk, std::int64_t first, int v, const float* sums) const {
    const Tiles& tiles = chunk.tiles;
    const Vector bias = values.bias ? load(values.bias + (first + v) * kLanes) : Vector{};
    for (std::int64_t t = 0; t < tiles.count(); ++t) {
      Vector points[kPoints], pixels[kOutput * kOutput];
      for (int e = 0; e < kPoints; ++e) {
        points[e] = load(sums + ((e * tiles.count() + t) * kVectors + v) * kLanes);
      }
      transform<OutputTransform>(points, pixels);
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

class BackwardWeights : public PreparedKernel<Conv2dBackwardWeightsArgs> {
 public:
  BackwardWeights(const Stream& stream, const Conv2dProblem& problem)
      : x_(problem.x),
        y_(problem.y),
        chunks_(problem.y),
        weights_(problem.weight.shape),
        padding_(problem.window.padding_begin),
        slots_(group_slots(stream, y_.blocks)) {}
  std::size_t scratch_bytes() const override {
    return static_cast<std::size_t>((x_.blocks + y_.blocks) * chunks_.most().block() +
                                    slots_ * group_elements()) *
           sizeof(float);
  }
  void run(const Stream& stream, const Conv2dBackwardWeightsArgs& args) override {
    chunks_.each([&](const Chunk& chunk) { add(stream, args, chunk); });
  }

 private:
  /// Products of one block of inputs: [point][input][vector].
  static std::int64_t group_elements() { return kPoints * kLanes * kMaxVectors * kLanes; }

  /// Adds what the images of a chunk contribute; the first chunk begins the sum.
  void add(const Stream& stream, const Conv2dBackwardWeightsArgs& args, const Chunk& chunk) const {
    const Tiles& tiles = chunk.tiles;
    auto* x = reinterpret_cast<float*>(args.scratch);
    float* dy = x + x_.blocks * tiles.block();
    float* groups = dy + y_.blocks * tiles.block();
    const float* images = static_cast<const float*>(args.x) + chunk.begin * x_.batch_stride;
    const float* gradients = static_cast<const float*>(args.dy) + chunk.begin * y_.batch_stride;
    transform_image<InputTransform>(stream, x_, images, tiles, padding_, x);
    transform_image<OutputGradientTransform>(stream, y_, gradients, tiles, {0, 0}, dy);
    for_each_group(stream, slots_, y_.blocks, [&]<int kVectors>(std::int64_t slot, std::int64_t first) {
      float* sums = groups + slot * group_elements();
      for (std::int64_t block = 0; block < x_.blocks; ++block) {
        multiply<kVectors>(tiles, x + block * tiles.block(), dy + first * tiles.block(), sums);
        for (int v = 0; v < kVectors; ++v) {
          write<kVectors>(sums, v, chunk,
                          static_cast<float*>(args.dweight) + weights_.offset(first + v, block));
        }
      }
      for (int v = 0; args.dbias && v < kVectors; ++v) {
        sum_bias(gradients, chunk, first + v, static_cast<float*>(args.dbias));
      }
    });
  }

  template <int kVectors>
  static void multiply(const Tiles& tiles, const float* x, const float* dy, float* sums) {
    for (int e = 0; e < kPoints; ++e) {
      product<kVectors>({.a = x + e * tiles.count() * kLanes,
                         .a_row = 1,
                         .a_k = kLanes,
                         .a_block = 0,
                         .b = dy + e * tiles.count() * kLanes,
                         .b_k = kLanes,
                         .b_vector = tiles.block(),
                         .b_block = 0,
                         .c = sums + e * kLanes * kVectors * kLanes,
                         .c_row = kVectors * kLanes,
                         .c_vector = kLanes,
                         .blocks = 1,
                         .depth = tiles.count(),
                         .accumulate = false},
                        kLanes);
    }
  }

  template <int kVectors>
  static void write(const float* sums, int v, const Chunk& chunk, float* dweight) {
    for (int i = 0; i < kLanes; ++i) {
      Vector points[kPoints], taps[9];
      for (int e = 0; e < kPoints; ++e) points[e] = load(sums + ((e * kLanes + i) * kVectors + v) * kLanes);
      transform<WeightGradientTransform>(points, taps);
      for (int k = 0; k < 9; ++k) {
        float* to = dweight + (k * kLanes + i) * kLanes;
        store(to, chunk.begin > 0 ? load(to) + taps[k] : taps[k]);
      }
    }
  }

  void sum_bias(const float* dy, const Chunk& chunk, std::int64_t block, float* dbias) const {
    Vector sum = chunk.begin > 0 ? load(dbias + block * kLanes) : Vector{};
    for (std::int64_t n = 0; n < chunk.tiles.batch; ++n) {
      const float* plane = dy + n * y_.batch_stride + block * y_.block_stride;
      for (std::int64_t i = 0; i < y_.height * y_.width; ++i) sum += load(plane + i * kLanes);
    }
    store(dbias + block * kLanes, sum);
  }

  Image x_, y_;
  Chunks chunks_;
  Weights weights_;
  std::array<std::int64_t, 2> padding_;
  std::int64_t slots_;
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
std::unique_ptr<PreparedKernel<Conv2dBackwardWeightsArgs>> conv2d_backward_weights_winograd(
    const Stream& stream, const Conv2dProblem& problem) {
  return std::make_unique<BackwardWeights>(stream, problem);
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
std::unique_ptr<PreparedKernel<Conv2dBackwardWeightsArgs>> conv2d_backward_weights_winograd(
    const Stream&, const Conv2dProblem&) {
  return nullptr;
}
#endif

}  // namespace slipway::cpu
