#include "kernels/embedding.h"

#include "tools/bench/kernel_case.h"

namespace slipway {
namespace {

constexpr std::int64_t kWidth = 256;

/// Each row of the table is looked up once.
auto run_forward(CaseArrays& arrays, DType dtype) {
  const std::int64_t count = arrays.size(1024, 1 << 18);
  return [&arrays, args = EmbeddingArgs{.dtype = dtype,
                                        .ids_dtype = DType::int64,
                                        .table = arrays.in(dtype, count * kWidth),
                                        .ids = arrays.permutation(DType::int64, count),
                                        .y = arrays.out(dtype, count * kWidth),
                                        .rows = count,
                                        .width = kWidth,
                                        .count = count}] { embedding_forward(arrays.stream(), args); };
}

/// Each row is looked up four times on average.
auto run_backward(CaseArrays& arrays, DType dtype) {
  const std::int64_t count = arrays.size(4096, 1 << 18), rows = count / 4;
  return [&arrays, args = EmbeddingGradientArgs{
                       .dtype = dtype,
                       .ids_dtype = DType::int64,
                       .dy = arrays.in(dtype, count * kWidth),
                       .ids = arrays.indices(DType::int64, count, rows),
                       .dtable = arrays.out(dtype, rows * kWidth),
                       .rows = rows,
                       .width = kWidth,
                       .count = count,
                       .padding = -1,
                       .scratch = static_cast<std::int64_t*>(arrays.scratch(
                           DType::int64, EmbeddingGradientArgs::scratch_numbers(rows, count)))}] {
    embedding_backward(arrays.stream(), args);
  };
}

const KernelCases registered({in_both_types("embedding_forward", "rows of 256", run_forward),
                              in_both_types("embedding_backward", "rows of 256", run_backward)});

}  // namespace
}  // namespace slipway
