#pragma once

#include <cstdint>
#include <vector>

#include "core/base/triangle_filter.h"

namespace slipway {

/// Brings planes of pixels, uint8 or float, from one size to another by TriangleFilter: rows, then columns,
/// in float; uint8 is rounded. As PyTorch's interpolate(mode="bilinear", antialias=True).
class PlaneResampler {
 public:
  struct Size {
    std::int64_t height, width;
  };
  PlaneResampler(Size from, Size to);

  /// Reads `height` rows that lie `stride` pixels apart, writes a dense plane.
  template <class T>
  void operator()(const T* from, std::int64_t stride, T* to);

 private:
  struct Axis {
    Axis(std::int64_t inputs, std::int64_t outputs);
    std::vector<std::int64_t> first;
    std::vector<std::int64_t> count;
    std::vector<float> weights;  // `width` an output
    std::int64_t width;
  };

  Axis rows_, columns_;
  std::vector<float> narrow_;  // the plane in its new width
  std::vector<float> sums_;
};

}  // namespace slipway
