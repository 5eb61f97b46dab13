#pragma once

#include <cstdint>

#include "core/base/dtype.h"
#include "core/runtime/kernel_slot.h"

namespace slipway {

/// The mean over all labelled positions of the cross-entropy between softmax(x) over the class axis and a
/// target that puts 1 - s on the label and s / C on every class, each class weighted:
///   loss = Σ_n [ (1 - s) w_y (log Σ_c e^x_c - x_y) + s / C Σ_c w_c (log Σ_k e^x_k - x_c) ] / Σ_n w_y
/// and its gradient. Where the positions are a part of a batch, the divisor Σ_n w_y of all of it is given. A
/// position whose label is `ignored_label` counts nowhere. A label outside [0, classes) makes the loss and
/// all gradients NaN; nothing outside the arrays is touched.
struct CrossEntropyArgs {
  DType dtype;                 // of x, weights, loss, dx: float32, float64; cuda: also float16, bfloat16
  const void* x;               // [outer, classes, inner]
  const std::int64_t* labels;  // [outer, inner]
  const void* weights;         // [classes], or null: all 1
  const double* divisor;       // [], or null: Σ_n w_y of these positions
  void* loss;                  // []
  void* dx;                    // [outer, classes, inner], may be x; null: loss only
  std::int64_t outer;
  std::int64_t classes;
  std::int64_t inner;
  std::int64_t ignored_label;
  double smoothing;
  double* partial;  // scratch, [2 kParts]

  static constexpr std::int64_t kParts = 1024;
};
inline constinit KernelSlot<CrossEntropyArgs> cross_entropy_kernel{"cross_entropy"};

/// Σ_n w_y of some positions; NaN if a label is out of range.
struct LabelWeightArgs {
  DType dtype;  // of weights: float32, float64; cuda: also float16, bfloat16
  const std::int64_t* labels;
  const void* weights;  // [classes], or null: all 1
  double* sum;          // []
  std::int64_t positions;
  std::int64_t classes;
  std::int64_t ignored_label;
  double* partial;  // scratch, [CrossEntropyArgs::kParts]
};
inline constinit KernelSlot<LabelWeightArgs> label_weight_kernel{"label_weight"};

}  // namespace slipway
