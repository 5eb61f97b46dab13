#pragma once

#include <algorithm>

#include "core/tensor/tensor.h"
#include "kernels/cpu/blocked_product.h"
#include "kernels/cpu/parallel.h"

/// Images and convolution weights whose channels lie in blocks of kLanes, and how the work on them is shared
/// out.
namespace slipway::cpu {

/// An image batch [batch, channels / kLanes, height, width, kLanes].
struct Image {
  explicit Image(const ValueType& type)
      : batch(type.shape[0]),
        blocks((type.shape[1] + kLanes - 1) / kLanes),
        height(type.shape[2]),
        width(type.shape[3]),
        batch_stride(type.layout.strides()[0]),
        block_stride(type.layout.strides()[1]) {}
  std::int64_t batch, blocks, height, width, batch_stride, block_stride;
};
/// Whether a value is such an image. The last block may be padded with zeros.
inline bool is_blocked_image(const ValueType& type) {
  const Layout& layout = type.layout;
  return layout.blocks() == 1 && layout.block(0) == Layout::Block{1, kLanes} &&
         layout.strides()[3] == kLanes && layout.strides()[2] == kLanes * type.shape[3];
}

/// Weights [out / kLanes][in / kLanes][taps][kLanes in][kLanes out].
struct Weights {
  explicit Weights(const Shape& shape)
      : taps(shape[2] * shape[3]), in_blocks((shape[1] + kLanes - 1) / kLanes) {}
  std::int64_t taps, in_blocks;
  std::int64_t offset(std::int64_t out_block, std::int64_t in_block) const {
    return (out_block * in_blocks + in_block) * taps * kLanes * kLanes;
  }
};
inline bool are_blocked_weights(const ValueType& type) {
  return type.layout == Layout::blocked(type.shape, {0, 1, 2, 3}, {{1, kLanes}, {0, kLanes}});
}

/// Calls body.template operator()<kVectors>() for a number of vectors up to kMaxVectors.
template <int kVectors = kMaxVectors, class Body>
void with_vectors(std::int64_t vectors, Body&& body) {
  if constexpr (kVectors > 1) {
    if (vectors < kVectors) return with_vectors<kVectors - 1>(vectors, body);
  }
  body.template operator()<kVectors>();
}

}  // namespace slipway::cpu
