#pragma once

#include <array>
#include <cstdint>

#include "core/base/shape.h"

namespace slipway {

/// The axes of a row-major result and of the operands that are broadcast to it, with neighbours merged where
/// every operand allows it: few and long loops. Strides are in elements, 0 repeats; there is at least one
/// axis.
template <std::size_t kOperands>
struct BroadcastAxes {
  BroadcastAxes(const Shape& shape, const std::array<Dims, kOperands>& from, int operands) {
    const auto count = static_cast<std::size_t>(operands);
    for (int i = 0; i < shape.rank(); ++i) {
      const std::int64_t size = shape[i];
      if (size == 1) continue;
      const int last = sizes.rank() - 1;
      bool merges = last >= 0;
      for (std::size_t k = 0; k < count; ++k) merges = merges && strides[k][last] == from[k][i] * size;
      if (merges) {
        sizes[last] *= size;
        for (std::size_t k = 0; k < count; ++k) strides[k][last] = from[k][i];
      } else {
        sizes.push_back(size);
        for (std::size_t k = 0; k < count; ++k) strides[k].push_back(from[k][i]);
      }
    }
    if (!sizes.empty()) return;
    sizes.push_back(1);
    for (std::size_t k = 0; k < count; ++k) strides[k].push_back(0);
  }

  /// Where each operand has the element that belongs to element `i` of the result.
  std::array<std::int64_t, kOperands> offsets(std::int64_t i) const {
    std::array<std::int64_t, kOperands> offsets{};
    for (int axis = sizes.rank() - 1; axis >= 0; --axis) {
      const std::int64_t outer = axis > 0 ? i / sizes[axis] : 0, index = i - outer * sizes[axis];
      for (std::size_t k = 0; k < kOperands; ++k) offsets[k] += index * strides[k][axis];
      i = outer;
    }
    return offsets;
  }

  Dims sizes;
  std::array<Dims, kOperands> strides;
};

}  // namespace slipway
