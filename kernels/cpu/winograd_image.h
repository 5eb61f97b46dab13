#pragma once

#include <array>

#include "core/tensor/tensor.h"
#include "kernels/cpu/parallel.h"
#include "kernels/cpu/winograd_tile.h"

/// Tiles of images whose channels lie in blocks of 16, and how the work on them is shared out.
namespace slipway::cpu::winograd {

/// An image batch blocked by 16 channels, and the tiles that cover the output: each reads kTile x kTile
/// pixels of one image from kOutput * tile - padding on, and belongs to kOutput x kOutput pixels of the
/// other.
struct Tiles {
  std::int64_t batch, rows, columns;  // tiles down and across an image
  std::int64_t count() const { return batch * rows * columns; }
  /// Elements of one channel block, transformed.
  std::int64_t block() const { return kPoints * count() * kLanes; }
};

struct Image {
  explicit Image(const ValueType& type)
      : blocks(type.shape[1] / kLanes),
        height(type.shape[2]),
        width(type.shape[3]),
        batch_stride(type.layout.strides()[0]),
        block_stride(type.layout.strides()[1]) {}
  std::int64_t blocks, height, width, batch_stride, block_stride;
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
  parallel_each(stream, image.blocks, [&](std::int64_t block) {
    for (std::int64_t t = 0; t < tiles.count(); ++t) {
      const Place place(tiles, t, -padding[0], -padding[1]);
      const float* plane = from + place.n * image.batch_stride + block * image.block_stride;
      Vector pixels[kEdge * kEdge], points[kPoints];
      for (int r = 0; r < kEdge; ++r) {
        for (int c = 0; c < kEdge; ++c) {
          const std::int64_t y = place.row + r, x = place.column + c;
          const bool inside = y >= 0 && y < image.height && x >= 0 && x < image.width;
          pixels[r * kEdge + c] = inside ? load(plane + (y * image.width + x) * kLanes) : Vector{};
        }
      }
      transform<Transform>(pixels, points);
      for (int e = 0; e < kPoints; ++e) {
        store(to + block * tiles.block() + (e * tiles.count() + t) * kLanes, points[e]);
      }
    }
  });
}

/// Weights [out / 16][in / 16][3][3][16 in][16 out].
struct Weights {
  static constexpr std::int64_t kBlock = 9 * kLanes * kLanes;
  std::int64_t in_blocks;
  std::int64_t offset(std::int64_t out_block, std::int64_t in_block) const {
    return (out_block * in_blocks + in_block) * kBlock;
  }
};

inline constexpr int kMaxVectors = 4;         // of 16 outputs, computed together
inline constexpr std::int64_t kMaxDepth = 4;  // blocks of 16 inputs, transformed together

/// How many groups of output blocks are worked on at once, each with memory of its own.
inline std::int64_t group_slots(const Stream& stream, std::int64_t blocks) {
  const std::int64_t groups = (blocks + kMaxVectors - 1) / kMaxVectors;
  return std::max<std::int64_t>(1, std::min<std::int64_t>(stream.threads, groups));
}

/// Calls body.template operator()<kVectors>(slot, first block) for groups of blocks, in parallel.
template <class Body>
void for_each_group(const Stream& stream, std::int64_t slots, std::int64_t blocks, Body&& body) {
  parallel_each(stream, slots, [&](std::int64_t slot) {
    for (std::int64_t first = slot * kMaxVectors; first < blocks; first += slots * kMaxVectors) {
      switch (std::min<std::int64_t>(kMaxVectors, blocks - first)) {
        case 1:
          body.template operator()<1>(slot, first);
          break;
        case 2:
          body.template operator()<2>(slot, first);
          break;
        case 3:
          body.template operator()<3>(slot, first);
          break;
        default:
          body.template operator()<kMaxVectors>(slot, first);
      }
    }
  });
}

}  // namespace slipway::cpu::winograd
