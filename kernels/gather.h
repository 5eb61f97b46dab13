#pragma once

#include <cstdint>

#include "core/base/dtype.h"
#include "core/runtime/kernel_slot.h"

namespace slipway {

/// y[o, k, i] = x[o, ids[o, k, i], i]; an id out of range gives NaN.
struct GatherArgs {
  DType dtype;      // of x and y: float32, float64; cuda: also float16, bfloat16
  DType ids_dtype;  // int32, int64
  const void* x;    // [outer, count, inner]
  const void* ids;  // [outer, picked, inner]
  void* y;          // [outer, picked, inner]
  std::int64_t outer;
  std::int64_t count;
  std::int64_t picked;
  std::int64_t inner;
};
inline constinit KernelSlot<GatherArgs> gather_kernel{"gather"};

/// y[o, ids[o, k, i], i] += updates[o, k, i] in the order of k, in y's accumulator; ids out of range count
/// nowhere. A GPU looks at all pairs of updates along an axis.
struct ScatterAddArgs {
  DType dtype;          // of updates and y: float32, float64; cuda: also float16, bfloat16
  DType ids_dtype;      // int32, int64
  const void* updates;  // [outer, picked, inner]
  const void* ids;      // [outer, picked, inner]
  void* y;              // [outer, count, inner]
  std::int64_t outer;
  std::int64_t count;
  std::int64_t picked;
  std::int64_t inner;
};
inline constinit KernelSlot<ScatterAddArgs> scatter_add_kernel{"scatter_add"};

/// The `picked` greatest elements along the middle axis of x, greatest first, and where they are. Of equal
/// ones the first comes first; NaN counts as the greatest.
struct TopKArgs {
  DType dtype;            // of x and values: float32, float64; cuda: also float16, bfloat16
  const void* x;          // [outer, count, inner]
  void* values;           // [outer, picked, inner]
  std::int64_t* indices;  // [outer, picked, inner]
  std::int64_t outer;
  std::int64_t count;
  std::int64_t picked;  // <= count
  std::int64_t inner;
};
inline constinit KernelSlot<TopKArgs> top_k_kernel{"top_k"};

}  // namespace slipway
