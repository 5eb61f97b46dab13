#pragma once

#include "core/runtime/prepared_kernel.h"

namespace slipway {

/// y[i] = a[i] b[i] for `batch` matrices, y [batch, rows, columns] dense and row-major, a [batch, rows,
/// inner] and b [batch, inner, columns] dense and either row-major or transposed. float32, float64.
struct MatrixProductProblem {
  DType dtype = DType::float32;
  std::int64_t batch = 1, rows = 0, inner = 0, columns = 0;
  bool transpose_a = false;  // a lies as [batch, inner, rows]
  bool transpose_b = false;  // b lies as [batch, columns, inner]
};

struct MatrixProductArgs {
  const void* a;
  const void* b;
  void* y;
  std::byte* scratch;
};
inline constinit PreparedKernelSlot<MatrixProductProblem, MatrixProductArgs> matrix_product{"matrix_product"};

}  // namespace slipway
