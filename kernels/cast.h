#pragma once

#include "core/base/dtype.h"
#include "core/runtime/kernel_slot.h"

namespace slipway {

/// y[i] = x[i] converted, between any two dtypes, as convert() in core/base/convert.h does. x and y must not
/// overlap.
struct CastArgs {
  DType from;
  DType to;
  const void* x;
  void* y;
  std::int64_t count;
};
inline constinit KernelSlot<CastArgs> cast{"cast"};

}  // namespace slipway
