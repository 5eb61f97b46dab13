#pragma once

#include <vector>

#include "core/tensor/tensor.h"

namespace slipway {

/// How to walk two placements of one shape so that each element is read and written once, along memory where
/// possible. Every strided or blocked copy is one of these: reorders, transposes, slices, broadcasts.
struct CopyPlan {
  /// One loop: where index i lies in each placement, relative to index 0.
  struct Axis {
    std::int64_t size = 1;
    std::int64_t from_stride = 0;
    std::int64_t to_stride = 0;
    std::vector<std::int64_t> from_offsets;  // of a blocked axis, instead of the stride
    std::vector<std::int64_t> to_offsets;

    std::int64_t from(std::int64_t i) const {
      return from_offsets.empty() ? i * from_stride : from_offsets[static_cast<std::size_t>(i)];
    }
    std::int64_t to(std::int64_t i) const {
      return to_offsets.empty() ? i * to_stride : to_offsets[static_cast<std::size_t>(i)];
    }
    std::int64_t from_step() const { return size > 1 ? from(1) : 0; }
    std::int64_t to_step() const { return size > 1 ? to(1) : 0; }
  };
  /// Outermost loop first, at least two. The last moves fastest through the destination; the one before it
  /// fastest through the source, if another axis does.
  std::vector<Axis> axes;
  std::size_t element_bytes = 1;
  std::size_t padded_bytes = 0;  // of the destination if it has padding, which must be zeroed; else 0

  CopyPlan() = default;
  /// Error unless both have one dtype and one shape.
  CopyPlan(const ValueType& from, const ValueType& to);
};

}  // namespace slipway
