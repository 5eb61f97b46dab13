#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "core/base/shape.h"

namespace slipway {

/// Where the element at an index lies in memory. Each dimension may be split into an outer part, which moves
/// by `strides`, and inner blocks, which lie densely at the end: nChw16c is outer strides over [N, C/16, H,
/// W] and one block {1, 16}. Sizes that a block does not divide are padded with zeros. A stride of 0
/// broadcasts.
class Layout {
 public:
  static constexpr int kMaxBlocks = 4;
  struct Block {
    std::int8_t axis = 0;
    std::int16_t size = 1;
    friend bool operator==(const Block&, const Block&) = default;
  };

  Layout() = default;
  /// Dense, last axis contiguous.
  static Layout row_major(const Shape& shape);
  /// Plain strides, in elements.
  static Layout strided(const Dims& strides);
  /// Dense with the outer dimensions nested in `order` (outermost first) around `blocks` (outermost first).
  static Layout blocked(const Shape& shape, const Dims& order, std::initializer_list<Block> blocks);
  /// Channels last: [N, C, spatial...] stored as [N, spatial..., C].
  static Layout channels_last(const Shape& shape);
  /// Any outer strides with blocks appended.
  static Layout with_blocks(const Dims& strides, const Block* blocks, int count);

  const Dims& strides() const { return strides_; }
  int blocks() const { return blocks_count_; }
  Block block(int i) const { return blocks_[static_cast<std::size_t>(i)]; }
  bool is_blocked() const { return blocks_count_ > 0; }
  bool is_row_major(const Shape& shape) const;
  /// Elements per inner block of an axis; 1 if the axis is not blocked.
  std::int64_t block_size(int axis) const;
  /// Elements from the first to past the last in memory, padding included.
  std::int64_t extent(const Shape& shape) const;
  /// The element offset of an index.
  std::int64_t offset(const Dims& index) const;
  /// The layout with the same nesting order and blocks for another shape of the same rank, dense.
  Layout like(const Shape& own_shape, const Shape& other) const;

  /// Same placement of every element; strides of axes of size 1 are irrelevant but compared.
  friend bool operator==(const Layout&, const Layout&) = default;

 private:
  Dims strides_;
  std::array<Block, kMaxBlocks> blocks_{};
  int blocks_count_ = 0;
};

/// "row-major", "aBcd16b", "acdb": outer dimensions by letter in nesting order (capital: blocked), then
/// blocks.
std::string to_string(const Layout& layout, const Shape& shape);

}  // namespace slipway
