#pragma once

#include "core/base/dtype.h"
#include "core/base/image_region.h"
#include "core/base/triangle_filter.h"
#include "core/runtime/kernel_slot.h"

namespace slipway {

/// y = (x is NaN and fill given ? fill[c] : x) * scale[c] + shift[c] over x [outer, channels, inner],
/// row-major. The arrays have one value a channel.
struct ChannelAffineArgs {
  DType from;  // any but bool
  DType to;    // float32, float64; cuda: also float16, bfloat16
  const void* x;
  void* y;
  const double* scale;
  const double* shift;
  const double* fill;  // null: NaN stays NaN
  std::int64_t outer;
  std::int64_t channels;
  std::int64_t inner;
};
inline constinit KernelSlot<ChannelAffineArgs> channel_affine_kernel{"channel_affine"};

/// Replaces columns of x [rows, columns] by indicators: y [rows, result]. sizes[c] is 0 to keep column c, n
/// for n indicators; a value that is no integer in [0, n) gives n zeros. In place is not possible.
struct OneHotColumnsArgs {
  DType dtype;  // float32, float64; cuda: also float16, bfloat16
  const void* x;
  void* y;
  const std::int64_t* sizes;
  std::int64_t rows;
  std::int64_t columns;
  std::int64_t result;
};
inline constinit KernelSlot<OneHotColumnsArgs> one_hot_columns_kernel{"one_hot_columns"};

/// Of each image of x [samples, channels, height, width] a region, as y [samples, channels, result_height,
/// result_width]: copied, with zeros beyond the image, or resampled by TriangleFilter, then mirrored.
struct TakeRegionsArgs {
  DType dtype;  // uint8, float32
  const void* x;
  void* y;
  const ImageRegion* regions;  // of sample i: regions[i * stride]
  std::int64_t stride;
  std::int64_t samples;
  std::int64_t channels;
  std::int64_t height;
  std::int64_t width;
  std::int64_t result_height;
  std::int64_t result_width;
  bool resamples;         // false: regions are of the result's size; true: they lie within the image
  std::int32_t* scratch;  // [scratch_numbers()]

  /// The most taps that a row, and a column, of the result can have.
  std::int64_t row_taps() const { return TriangleFilter(height, result_height).most_taps(); }
  std::int64_t column_taps() const { return TriangleFilter(width, result_width).most_taps(); }
  /// For each row and column of each result: its first tap, their count, their weights.
  std::int64_t scratch_numbers() const {
    if (!resamples) return 0;
    return samples * (result_height * (2 + row_taps()) + result_width * (2 + column_taps()));
  }
};
inline constinit KernelSlot<TakeRegionsArgs> take_regions_kernel{"take_regions"};

}  // namespace slipway
