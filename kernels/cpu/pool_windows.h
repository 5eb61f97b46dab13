#pragma once

#include <array>
#include <cstdint>

#include "kernels/cpu/channel_groups.h"
#include "kernels/cpu/parallel.h"
#include "kernels/window2d.h"

namespace slipway::cpu {

/// The windows of a pooling over one plane.
struct PoolWindows {
  std::array<std::int64_t, 2> input, output, kernel;
  Window2d window;

  template <class Args>
  explicit PoolWindows(const Args& args)
      : input{args.x_type.shape[2], args.x_type.shape[3]},
        output{args.y_type.shape[2], args.y_type.shape[3]},
        kernel(args.kernel),
        window(args.window) {}

  /// Calls body(output pixel) before and then place(k, input pixel) for each of the window's places inside.
  template <class Begin, class Place, class End>
  void for_each(Begin&& begin, Place&& place, End&& end) const {
    for (std::int64_t row = 0; row < output[0]; ++row) {
      for (std::int64_t column = 0; column < output[1]; ++column) {
        const std::int64_t pixel = row * output[1] + column;
        begin(pixel);
        for (std::int64_t p = 0; p < kernel[0]; ++p) {
          const std::int64_t y = row * window.stride[0] + p * window.dilation[0] - window.padding_begin[0];
          if (y < 0 || y >= input[0]) continue;
          for (std::int64_t q = 0; q < kernel[1]; ++q) {
            const std::int64_t x =
                column * window.stride[1] + q * window.dilation[1] - window.padding_begin[1];
            if (x >= 0 && x < input[1]) place(p * kernel[1] + q, y * input[1] + x);
          }
        }
        end(pixel);
      }
    }
  }
};

/// One group of channels of one sample.
struct PoolPlane {
  std::int64_t input, output;  // where it begins, in elements
  int stored, used;            // lanes in memory, and those that are channels
};

/// Calls body.template operator()<kLanes>(plane) for every plane; kLanes is 0 where the number of lanes is
/// not known in advance.
template <class Body>
void for_each_plane(const Stream& stream, const ChannelGroups& in, const ChannelGroups& out, Body&& body) {
  parallel_each(stream, in.batch * in.groups, [&](std::int64_t i) {
    const std::int64_t n = i / in.groups, group = i % in.groups;
    const PoolPlane plane{.input = in.offset(n, group),
                          .output = out.offset(n, group),
                          .stored = in.stored_lanes(group),
                          .used = in.used_lanes(group)};
    visit_lanes(plane.stored, [&]<int kLanes>() { body.template operator()<kLanes>(plane); });
  });
}

}  // namespace slipway::cpu
