#pragma once

#include <cstdint>
#include <span>

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

/// Several casts between floating-point dtypes at once, as for all weights of a model.
struct CastAllArgs {
  struct Part {
    const void* x;
    void* y;
    std::int64_t count;
  };
  DType from;
  DType to;
  std::span<const Part> parts;
};
inline constinit KernelSlot<CastAllArgs> cast_all{"cast_all"};

}  // namespace slipway
