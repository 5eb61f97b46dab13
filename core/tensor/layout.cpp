#include "core/tensor/layout.h"

#include <algorithm>

#include "core/base/error.h"

namespace slipway {
namespace {

/// Axes from the outermost (largest stride) to the innermost; ties keep the axis order.
Dims nesting_order(const Dims& strides) {
  Dims order;
  for (int axis = 0; axis < strides.rank(); ++axis) order.push_back(axis);
  auto* first = &order[0];
  std::stable_sort(first, first + order.rank(),
                   [&](std::int64_t a, std::int64_t b) { return strides[int(a)] > strides[int(b)]; });
  return order;
}

std::int64_t outer_size(const Layout& layout, const Shape& shape, int axis) {
  const std::int64_t block = layout.block_size(axis);
  return (shape[axis] + block - 1) / block;
}

}  // namespace

Layout Layout::row_major(const Shape& shape) {
  Layout layout;
  layout.strides_ = Dims::filled(shape.rank(), 1);
  for (int axis = shape.rank() - 2; axis >= 0; --axis) {
    layout.strides_[axis] = layout.strides_[axis + 1] * std::max<std::int64_t>(1, shape[axis + 1]);
  }
  return layout;
}

Layout Layout::strided(const Dims& strides) {
  Layout layout;
  layout.strides_ = strides;
  return layout;
}

Layout Layout::with_blocks(const Dims& strides, const Block* blocks, int count) {
  require(count <= kMaxBlocks, "a layout has at most ", kMaxBlocks, " blocks, got ", count);
  Layout layout = strided(strides);
  std::copy(blocks, blocks + count, layout.blocks_.begin());
  layout.blocks_count_ = count;
  return layout;
}

Layout Layout::blocked(const Shape& shape, const Dims& order, std::initializer_list<Block> blocks) {
  Layout layout = with_blocks(Dims::filled(shape.rank(), 1), blocks.begin(), static_cast<int>(blocks.size()));
  std::int64_t stride = 1;
  for (const Block& block : blocks) stride *= block.size;
  for (int i = order.rank() - 1; i >= 0; --i) {
    const int axis = static_cast<int>(order[i]);
    layout.strides_[axis] = stride;
    stride *= std::max<std::int64_t>(1, outer_size(layout, shape, axis));
  }
  return layout;
}

Layout Layout::channels_last(const Shape& shape) {
  Dims order = {0};
  for (int axis = 2; axis < shape.rank(); ++axis) order.push_back(axis);
  if (shape.rank() > 1) order.push_back(1);
  return blocked(shape, order, {});
}

std::int64_t Layout::block_size(int axis) const {
  std::int64_t size = 1;
  for (int i = 0; i < blocks_count_; ++i) {
    if (block(i).axis == axis) size *= block(i).size;
  }
  return size;
}

bool Layout::is_row_major(const Shape& shape) const {
  if (is_blocked()) return false;
  std::int64_t expected = 1;
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    if (shape[axis] != 1 && strides_[axis] != expected) return shape.elements() == 0;
    expected *= shape[axis];
  }
  return true;
}

std::int64_t Layout::extent(const Shape& shape) const {
  std::int64_t last = 0, inner = 1;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    if (shape[axis] == 0) return 0;
    last += (outer_size(*this, shape, axis) - 1) * strides_[axis];
  }
  for (int i = 0; i < blocks_count_; ++i) inner *= block(i).size;
  return last + inner;
}

std::int64_t Layout::offset(const Dims& index) const {
  Dims rest = index;
  std::int64_t offset = 0, stride = 1;
  for (int i = blocks_count_ - 1; i >= 0; --i) {  // innermost first: the low digits of the index
    const Block b = block(i);
    offset += rest[b.axis] % b.size * stride;
    rest[b.axis] /= b.size;
    stride *= b.size;
  }
  for (int axis = 0; axis < rest.rank(); ++axis) offset += rest[axis] * strides_[axis];
  return offset;
}

Layout Layout::like(const Shape& own_shape, const Shape& other) const {
  require(own_shape.rank() == other.rank(), "layout of ", own_shape, " cannot be carried over to ", other);
  Layout layout = *this;
  const Dims order = nesting_order(strides_);
  std::int64_t stride = 1;
  for (int i = 0; i < blocks_count_; ++i) stride *= block(i).size;
  for (int i = order.rank() - 1; i >= 0; --i) {
    const int axis = static_cast<int>(order[i]);
    layout.strides_[axis] = stride;
    stride *= std::max<std::int64_t>(1, outer_size(layout, other, axis));
  }
  return layout;
}

std::string to_string(const Layout& layout, const Shape& shape) {
  if (layout.is_row_major(shape)) return "row-major";
  std::string name;
  for (const std::int64_t axis : nesting_order(layout.strides())) {
    name += static_cast<char>((layout.block_size(static_cast<int>(axis)) > 1 ? 'A' : 'a') + axis);
  }
  for (int i = 0; i < layout.blocks(); ++i)
    name += text(layout.block(i).size, char('a' + layout.block(i).axis));
  return name;
}

}  // namespace slipway
