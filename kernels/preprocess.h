#pragma once

#include "core/base/dtype.h"
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

}  // namespace slipway
