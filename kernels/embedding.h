#pragma once

#include <cstdint>

#include "core/base/dtype.h"
#include "core/runtime/kernel_slot.h"

namespace slipway {

/// y[i] = table[ids[i]]; an id out of range gives NaN.
struct EmbeddingArgs {
  DType dtype;        // of table and y: float32, float64; cuda: also float16, bfloat16
  DType ids_dtype;    // int32, int64
  const void* table;  // [rows, width]
  const void* ids;    // [count]
  void* y;            // [count, width]
  std::int64_t rows;
  std::int64_t width;
  std::int64_t count;
};
inline constinit KernelSlot<EmbeddingArgs> embedding_forward{"embedding_forward"};

/// dtable[r] = Σ dy[i] over all i with ids[i] == r, in the order of i; 0 for the row `padding`. Ids out of
/// range count nowhere.
struct EmbeddingGradientArgs {
  DType dtype;      // of dy and dtable: float32, float64; cuda: also float16, bfloat16
  DType ids_dtype;  // int32, int64
  const void* dy;   // [count, width]
  const void* ids;  // [count]
  void* dtable;     // [rows, width]
  std::int64_t rows;
  std::int64_t width;
  std::int64_t count;
  std::int64_t padding;   // -1: none
  std::int64_t* scratch;  // [scratch_numbers(rows, count)]

  /// Where the lookups of each row end, and room to sort them.
  static std::int64_t scratch_numbers(std::int64_t rows, std::int64_t count) { return rows + 1 + 2 * count; }
};
inline constinit KernelSlot<EmbeddingGradientArgs> embedding_backward{"embedding_backward"};

}  // namespace slipway
