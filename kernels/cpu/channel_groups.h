#pragma once

#include <algorithm>
#include <cstdint>

#include "core/tensor/tensor.h"

namespace slipway::cpu {

/// A value [batch, channels, spatial...] seen as pixels of a few neighbouring channels ("lanes"), which lie
/// side by side in memory: one for row-major values, the block for blocked ones, up to kLanes for channels
/// last and for [batch, channels].
struct ChannelGroups {
  static constexpr int kLanes = 16;

  /// Error naming `kernel` if the layout is none of these.
  ChannelGroups(const ValueType& type, const char* kernel);

  std::int64_t batch, channels, pixels;
  std::int64_t groups;
  int lanes;  // per group in memory; the last group may use fewer
  std::int64_t batch_stride, group_stride, pixel_stride;

  std::int64_t offset(std::int64_t n, std::int64_t group) const {
    return n * batch_stride + group * group_stride;
  }
  /// Channels of a group that exist.
  int used_lanes(std::int64_t group) const {
    return static_cast<int>(std::min<std::int64_t>(lanes, channels - group * lanes));
  }
  /// Lanes of a group that are in memory: with blocked values, padding included.
  int stored_lanes(std::int64_t group) const { return padded ? lanes : used_lanes(group); }
  bool padded;  // each group takes all its lanes in memory
};

/// Calls body.template operator()<Lanes>() with the number of lanes as a constant where it is usual, else 0.
template <class Body>
void visit_lanes(int lanes, Body&& body) {
  switch (lanes) {
    case 1:
      return body.template operator()<1>();
    case 8:
      return body.template operator()<8>();
    case 16:
      return body.template operator()<16>();
    default:
      return body.template operator()<0>();
  }
}

}  // namespace slipway::cpu
