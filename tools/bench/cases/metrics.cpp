#include "kernels/metrics.h"

#include "tools/bench/kernel_case.h"

namespace slipway {
namespace {

constexpr std::int64_t kClasses = 128;

LabelledLogits logits(CaseArrays& arrays, DType dtype) {
  const std::int64_t positions = arrays.size(2048, 1 << 18);
  return {.dtype = dtype,
          .logits = arrays.in(dtype, positions * kClasses),
          .labels = static_cast<const std::int64_t*>(arrays.indices(DType::int64, positions, kClasses)),
          .outer = positions,
          .classes = kClasses,
          .inner = 1,
          .ignored_label = -100};
}
std::int64_t* counts(CaseArrays& arrays, std::int64_t count) {
  return static_cast<std::int64_t*>(arrays.out(DType::int64, count));
}

auto run_top_k(CaseArrays& arrays, DType dtype) {
  return [&arrays, args = TopKHitsArgs{.input = logits(arrays, dtype), .k = 5, .counts = counts(arrays, 2)}] {
    top_k_hits_kernel(arrays.stream(), args);
  };
}

auto run_confusion(CaseArrays& arrays, DType dtype) {
  const LabelledLogits input = logits(arrays, dtype);
  return [&arrays, args = ConfusionArgs{
                       .input = input,
                       .predicted = static_cast<std::int64_t*>(arrays.scratch(DType::int64, input.outer)),
                       .counts = counts(arrays, kClasses * kClasses)}] {
    confusion_kernel(arrays.stream(), args);
  };
}

auto run_binary_confusion(CaseArrays& arrays, DType dtype) {
  const std::int64_t count = arrays.size(1 << 18, 1 << 26);
  return [&arrays, args = BinaryConfusionArgs{.dtype = dtype,
                                              .target_dtype = dtype,
                                              .x = arrays.in(dtype, count),
                                              .target = arrays.indices(dtype, count, 2),
                                              .count = count,
                                              .ignored_label = -100,
                                              .counts = counts(arrays, 4)}] {
    binary_confusion_kernel(arrays.stream(), args);
  };
}

auto run_error_sums(CaseArrays& arrays, DType dtype) {
  constexpr std::int64_t kColumns = 32;
  const std::int64_t rows = arrays.size(4096, 1 << 18);
  return [&arrays,
          args = ErrorSumsArgs{.dtype = dtype,
                               .target_dtype = dtype,
                               .x = arrays.in(dtype, rows * kColumns),
                               .target = arrays.in(dtype, rows * kColumns),
                               .rows = rows,
                               .columns = kColumns,
                               .sums = static_cast<double*>(arrays.out(DType::float64, 5 * kColumns))}] {
    error_sums_kernel(arrays.stream(), args);
  };
}

const KernelCases registered({in_both_types("top_k_hits", "128 classes", run_top_k),
                              in_both_types("confusion", "128 classes", run_confusion),
                              in_both_types("binary_confusion", "", run_binary_confusion),
                              in_both_types("error_sums", "32 columns", run_error_sums)});

}  // namespace
}  // namespace slipway
