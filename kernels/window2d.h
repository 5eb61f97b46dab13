#pragma once

#include <array>
#include <cstdint>

namespace slipway {

/// How a window moves over the two spatial axes (height, width); in elements.
struct Window2d {
  std::array<std::int64_t, 2> stride{1, 1};
  std::array<std::int64_t, 2> dilation{1, 1};
  std::array<std::int64_t, 2> padding_begin{0, 0};  // top, left
  std::array<std::int64_t, 2> padding_end{0, 0};    // bottom, right
  friend bool operator==(const Window2d&, const Window2d&) = default;
};

}  // namespace slipway
