#pragma once

#include <cstdint>

namespace slipway {

/// What is taken of an image: a region, brought to the size of the result, then mirrored. As a loader tells a
/// graph, six int32 numbers a sample.
struct ImageRegion {
  std::int32_t top, left, height, width;  // pixels; beyond the image it is zero, where it keeps its size
  std::int32_t mirrored_horizontally;     // 1: left and right are exchanged
  std::int32_t mirrored_vertically;       // 1: top and bottom are

  static constexpr std::int64_t kNumbers = 6;
};
static_assert(sizeof(ImageRegion) == ImageRegion::kNumbers * sizeof(std::int32_t));

}  // namespace slipway
