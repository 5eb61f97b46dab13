#pragma once

#include <cstdint>

#include "core/base/dtype.h"
#include "core/runtime/kernel_slot.h"

namespace slipway {

/// Logits [outer, classes, inner] and labels [outer, inner] of which `ignored_label` counts nowhere.
struct LabelledLogits {
  DType dtype;  // of the logits: float32, float64; cuda: also float16, bfloat16
  const void* logits;
  const std::int64_t* labels;
  std::int64_t outer;
  std::int64_t classes;
  std::int64_t inner;
  std::int64_t ignored_label;
};

/// How many positions have their label among the k largest logits, and how many have a label at all. Of equal
/// logits the first counts as larger; a logit that is NaN as larger than any; a label out of range is a miss.
struct TopKHitsArgs {
  LabelledLogits input;
  std::int64_t k;
  std::int64_t* counts;  // [2]: hits, labels
};
inline constinit KernelSlot<TopKHitsArgs> top_k_hits_kernel{"top_k_hits"};

/// How often label i met the largest logit j. A label out of range counts nowhere.
struct ConfusionArgs {
  LabelledLogits input;
  std::int64_t* predicted;  // scratch, [outer, inner]
  std::int64_t* counts;     // [classes, classes]
};
inline constinit KernelSlot<ConfusionArgs> confusion_kernel{"confusion"};

/// The same for decisions between two classes, elementwise: x > 0 says 1, a target above one half is 1.
struct BinaryConfusionArgs {
  DType dtype;         // of x: float32, float64; cuda: also float16, bfloat16
  DType target_dtype;  // that, or int64
  const void* x;
  const void* target;
  std::int64_t count;
  std::int64_t ignored_label;
  std::int64_t* counts;  // [2, 2]
};
inline constinit KernelSlot<BinaryConfusionArgs> binary_confusion_kernel{"binary_confusion"};

/// Sums over the rows of x and target [rows, columns]: 1, t, t², (x - t)², |x - t|.
struct ErrorSumsArgs {
  DType dtype;         // of x: float32, float64; cuda: also float16, bfloat16
  DType target_dtype;  // that, or int64
  const void* x;
  const void* target;
  std::int64_t rows;
  std::int64_t columns;
  double* sums;  // [5, columns]
};
inline constinit KernelSlot<ErrorSumsArgs> error_sums_kernel{"error_sums"};

}  // namespace slipway
