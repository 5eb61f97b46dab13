#pragma once

#include "core/base/dtype.h"
#include "core/runtime/kernel_slot.h"
#include "core/tensor/tensor.h"

namespace slipway {

/// y[i] = value, converted to the dtype, for `count` elements.
struct FillArgs {
  DType dtype;
  void* y;
  std::int64_t count;
  double value;
};
inline constinit KernelSlot<FillArgs> fill{"fill"};

/// Copies bytes between memory that does not overlap.
struct CopyArgs {
  const void* from;
  void* to;
  std::size_t bytes;
};
inline constinit KernelSlot<CopyArgs> copy_bytes{"copy_bytes"};

/// Zeroes what a blocked layout pads, as every reader of one expects. An op whose f(0) is not 0 ends with it.
struct ZeroPaddingArgs {
  TensorView y;
};
inline constinit KernelSlot<ZeroPaddingArgs> zero_padding{"zero_padding"};

}  // namespace slipway
