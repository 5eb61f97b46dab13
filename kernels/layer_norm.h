#pragma once

#include <cstdint>

#include "core/base/dtype.h"
#include "core/runtime/kernel_slot.h"

namespace slipway {

/// Each row to mean 0 and variance 1, then scaled and shifted (Ba et al., 2016):
///   y = (x - mean) rstd scale + shift, of x + residual instead of x if there is one;  rstd = 1 /
///   sqrt(variance + epsilon), variance over `width` elements
struct LayerNormArgs {
  DType dtype;        // float32, float64; cuda: also float16, bfloat16
  const void* x;      // [rows, width]
  const void* scale;  // [width], of dtype's accumulator, or null: 1
  const void* shift;  // [width], the same, or null: 0
  void* y;            // [rows, width], may be x or the residual
  void* mean;         // [rows], of dtype's accumulator
  void* rstd;         // [rows], the same
  std::int64_t rows;
  std::int64_t width;
  double epsilon;
  const void* residual = nullptr;  // [rows, width], or null: nothing is added
  void* sum = nullptr;  // takes x + residual, or null; [rows, width], may be either of them, but not y
};
inline constinit KernelSlot<LayerNormArgs> layer_norm_forward{"layer_norm_forward"};

/// With g = dy scale and n = (x - mean) rstd:
///   dx = rstd (g - mean(g) - n mean(g n)) + dx_too;  dscale = Σ_rows dy n;  dshift = Σ_rows dy
/// Rows are summed in chunks that depend on `rows` only, the chunks in order.
struct LayerNormGradientArgs {
  DType dtype;        // float32, float64; cuda: also float16, bfloat16
  const void* dy;     // [rows, width]
  const void* x;      // [rows, width]
  const void* mean;   // [rows], of dtype's accumulator
  const void* rstd;   // [rows], the same
  const void* scale;  // [width], of dtype's accumulator, or null: 1
  void* dx;           // [rows, width], may be dy or dx_too
  void* dscale;       // [width], of dtype's accumulator
  void* dshift;       // [width], the same
  std::int64_t rows;
  std::int64_t width;
  const void* dx_too = nullptr;  // [rows, width], a gradient that meets dx and is added, or null
  void* partial;                 // scratch, [chunks(rows), 2, width], of dtype's accumulator

  static std::int64_t chunks(std::int64_t rows) { return rows < 16 ? 1 : (rows < 2048 ? rows / 16 : 128); }
};
inline constinit KernelSlot<LayerNormGradientArgs> layer_norm_backward{"layer_norm_backward"};

}  // namespace slipway
