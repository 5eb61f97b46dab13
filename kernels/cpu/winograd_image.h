#pragma once

#include "kernels/cpu/blocked_image.h"
#include "kernels/cpu/parallel.h"
#include "kernels/cpu/winograd_tile.h"

/// Tiles of images whose channels lie in blocks.
namespace slipway::cpu::winograd {

/// The tiles that cover the output: each reads kTile x kTile pixels of one image from kOutput * tile -
/// padding on, and belongs to kOutput x kOutput pixels of the other.
struct Tiles {
  std::int64_t batch, rows, columns;  // tiles down and across an image
  std::int64_t count() const { return batch * rows * columns; }
  /// Tiles from one point to the next: odd, as powers of two would put all points of a tile into the same few
  /// sets of the first-level cache.
  std::int64_t stride() const { return count() | 1; }
  /// Elements of one channel block, transformed.
  std::int64_t block() const { return kPoints * stride() * kLanes; }
};

inline Tiles cover(const ValueType& output) {
  return {output.shape[0], (output.shape[2] + kOutput - 1) / kOutput,
          (output.shape[3] + kOutput - 1) / kOutput};
}

/// Where a tile lies: its image and its first pixel, in units of `step` pixels.
struct Place {
  Place(const Tiles& tiles, std::int64_t t, std::int64_t row_offset, std::int64_t column_offset)
      : n(t / (tiles.rows * tiles.columns)),
        row(t / tiles.columns % tiles.rows * kOutput + row_offset),
        column(t % tiles.columns * kOutput + column_offset) {}
  std::int64_t n, row, column;
};

/// Transforms every tile of an image batch: to[block][point][tile][lane]. Pixels outside are zero.
template <class Transform>
void transform_image(const Stream& stream, const Image& image, const float* from, const Tiles& tiles,
                     const std::array<std::int64_t, 2>& padding, float* to) {
  constexpr int kEdge = Transform::kIn;
  const std::int64_t count = tiles.count(), step = tiles.stride() * kLanes;
  parallel_each(stream, image.blocks, [&, count, step](std::int64_t block) {
    for (std::int64_t t = 0; t < count; ++t) {
      const Place place(tiles, t, -padding[0], -padding[1]);
      const float* plane = from + place.n * image.batch_stride + block * image.block_stride;
      Vector pixels[kEdge * kEdge];
      for (int r = 0; r < kEdge; ++r) {
        for (int c = 0; c < kEdge; ++c) {
          const std::int64_t y = place.row + r, x = place.column + c;
          const bool inside = y >= 0 && y < image.height && x >= 0 && x < image.width;
          pixels[r * kEdge + c] = inside ? load(plane + (y * image.width + x) * kLanes) : Vector{};
        }
      }
      float* const first = to + block * tiles.block() + t * kLanes;
      transform<Transform>([&](int i) { return pixels[i]; },
                           [&](int e, Vector point) { store(first + e * step, point); });
    }
  });
}

}  // namespace slipway::cpu::winograd
