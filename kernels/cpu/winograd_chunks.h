#pragma once

#include <algorithm>

#include "kernels/cpu/winograd_image.h"

/// How the work of a convolution by tiles is cut: into chunks of images, and these into groups of output
/// blocks.
namespace slipway::cpu::winograd {

/// Tiles that are transformed together, so that they stay in the second-level cache.
inline constexpr std::int64_t kMostTiles = 192;

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
inline std::int64_t group_slots(const Stream& stream, std::int64_t blocks) {
  const std::int64_t groups = (blocks + kMaxVectors - 1) / kMaxVectors;
  return std::max<std::int64_t>(1, std::min<std::int64_t>(stream.threads, groups));
}

/// Asks for a share of the weights of a block of inputs and one of outputs, which are to be read or written
/// next: there are as many shares as points, so that they arrive during the products. Inlined, as gcc drops
/// calls that do nothing else.
template <int kWrites>
__attribute__((always_inline)) inline void prefetch_share(const float* weights, int point) {
  constexpr int kLine = 16, kShare = 9 * kLanes * kLanes / kPoints;
  static_assert(kShare % kLine == 0);
  for (int i = 0; i < kShare; i += kLine) __builtin_prefetch(weights + point * kShare + i, kWrites);
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

}  // namespace slipway::cpu::winograd
