#pragma once

#include <array>
#include <cstdint>

#include "kernels/window2d.h"

namespace slipway::cpu {

/// The windows of a pooling over one plane.
struct PoolWindows {
  std::array<std::int64_t, 2> input, output, kernel;
  Window2d window;

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

}  // namespace slipway::cpu
