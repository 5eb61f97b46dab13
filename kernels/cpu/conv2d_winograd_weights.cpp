#include "kernels/cpu/conv2d_winograd.h"

#ifdef __AVX2__
#include "kernels/cpu/winograd_chunks.h"
#endif

namespace slipway::cpu {
#ifdef __AVX2__
namespace {

using namespace winograd;

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
        std::array<float*, kVectors> dweight;
        for (int v = 0; v < kVectors; ++v)
          dweight[v] = static_cast<float*>(args.dweight) + weights_.offset(first + v, block);
        multiply<kVectors>(tiles, x + block * tiles.block(), dy + first * tiles.block(), sums, dweight);
        for (int v = 0; v < kVectors; ++v) write<kVectors>(sums, v, chunk, dweight[v]);
      }
      for (int v = 0; args.dbias && v < kVectors; ++v) {
        sum_bias(gradients, chunk, first + v, static_cast<float*>(args.dbias));
      }
    });
  }

  template <int kVectors>
  static void multiply(const Tiles& tiles, const float* x, const float* dy, float* sums,
                       const std::array<float*, kVectors>& dweight) {
    for (int e = 0; e < kPoints; ++e) {
      for (const float* written : dweight) prefetch_share<1>(written, e);
      product<kVectors>({.a = x + e * tiles.stride() * kLanes,
                         .a_row = 1,
                         .a_k = kLanes,
                         .a_block = 0,
                         .b = dy + e * tiles.stride() * kLanes,
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
    const bool adds = chunk.begin > 0;
    for (int i = 0; i < kLanes; ++i) {
      const float* const points = sums + (i * kVectors + v) * kLanes;
      float* const taps = dweight + i * kLanes;
      transform<WeightGradientTransform>([&](int e) { return load(points + e * kLanes * kVectors * kLanes); },
                                         [&](int k, Vector tap) {
                                           float* to = taps + k * kLanes * kLanes;
                                           store(to, adds ? load(to) + tap : tap);
                                         });
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

std::unique_ptr<PreparedKernel<Conv2dBackwardWeightsArgs>> conv2d_backward_weights_winograd(
    const Stream& stream, const Conv2dProblem& problem) {
  return std::make_unique<BackwardWeights>(stream, problem);
}
#else
std::unique_ptr<PreparedKernel<Conv2dBackwardWeightsArgs>> conv2d_backward_weights_winograd(
    const Stream&, const Conv2dProblem&) {
  return nullptr;
}
#endif

}  // namespace slipway::cpu
