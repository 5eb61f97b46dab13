#include <vector>

#include "core/base/convert.h"
#include "kernels/simt/cublas/description.h"
#include "kernels/simt/intrinsics/tf32.h"
#include "kernels/simt/library/product.h"

namespace slipway::simt {
namespace {

/// Calls the body with the type of the elements.
template <class Body>
void visit(cudaDataType_t type, const Body& body) {
  switch (type) {
    case CUDA_R_16F:
      return body.template operator()<float16>();
    case CUDA_R_16BF:
      return body.template operator()<bfloat16>();
    case CUDA_R_64F:
      return body.template operator()<double>();
    default:
      return body.template operator()<float>();
  }
}

/// op(matrix) `index` of the batch as dense rows, in the type of the sums.
template <class T>
std::vector<T> rows_of(const void* data, const LtLayout& layout, cublasOperation_t transpose,
                       std::int64_t index) {
  std::vector<T> rows(layout.count());
  visit(layout.type, [&]<class E>() {
    const E* from = static_cast<const E*>(data) + index * layout.batch_stride;
    const bool turned = transpose == CUBLAS_OP_T;
    const auto stored_rows = static_cast<std::int64_t>(layout.rows);
    const auto stored_columns = static_cast<std::int64_t>(layout.columns);
    for (std::int64_t column = 0; column < stored_columns; ++column) {
      for (std::int64_t row = 0; row < stored_rows; ++row) {
        const std::int64_t to = turned ? column * stored_rows + row : row * stored_columns + column;
        rows[static_cast<std::size_t>(to)] = convert<T>(from[column * layout.leading + row]);
      }
    }
  });
  return rows;
}

template <class T>
std::vector<T> factor_of(const LtProblem& problem, const void* data, const LtLayout& layout,
                         cublasOperation_t transpose, std::int64_t index) {
  std::vector<T> rows = rows_of<T>(data, layout, transpose, index);
  if constexpr (std::is_same_v<T, float>) {
    if (problem.operation.compute == CUBLAS_COMPUTE_32F_FAST_TF32) {
      for (T& value : rows) value = round_to_tf32(value);
    }
  }
  return rows;
}

/// d = epilogue(alpha sum + beta c)
template <class T>
void store(const LtProblem& problem, const LtArrays& arrays, const std::vector<T>& sums, std::int64_t index) {
  const bool relu = problem.operation.has(CUBLASLT_EPILOGUE_RELU);
  std::vector<T> c;
  if (arrays.beta != 0) c = rows_of<T>(arrays.c, problem.c, CUBLAS_OP_N, index);
  visit(problem.d.type, [&]<class E>() {
    E* d = static_cast<E*>(arrays.d) + index * problem.d.batch_stride;
    const E* bias = problem.operation.adds_bias() ? static_cast<const E*>(problem.operation.bias) : nullptr;
    for (std::int64_t row = 0; row < problem.m; ++row) {
      for (std::int64_t column = 0; column < problem.n; ++column) {
        const auto place = static_cast<std::size_t>(row * problem.n + column);
        T value = static_cast<T>(arrays.alpha) * sums[place];
        if (!c.empty()) value += static_cast<T>(arrays.beta) * c[place];
        if (bias) value += convert<T>(bias[row]);
        if (relu) value = value > 0 ? value : T(0);
        d[column * problem.d.leading + row] = convert<E>(value);
      }
    }
  });
}

/// The sums of a's rows, or of b's columns, over k.
template <class T>
void store_bias_gradient(const LtProblem& problem, const std::vector<T>& a, const std::vector<T>& b) {
  const bool of_b = problem.operation.has(CUBLASLT_EPILOGUE_BGRADB);
  visit(problem.d.type, [&]<class E>() {
    E* gradient = static_cast<E*>(problem.operation.bias);
    for (std::int64_t i = 0; i < problem.bias_length(); ++i) {
      T sum = 0;
      for (std::int64_t k = 0; k < problem.k; ++k) {
        sum += of_b ? b[static_cast<std::size_t>(k * problem.n + i)]
                    : a[static_cast<std::size_t>(i * problem.k + k)];
      }
      gradient[i] = convert<E>(sum);
    }
  });
}

template <class T>
void compute_in(const LtProblem& problem, const LtArrays& arrays) {
  const LtOperation& operation = problem.operation;
  std::vector<T> sums(static_cast<std::size_t>(problem.m * problem.n));
  for (std::int64_t i = 0; i < problem.d.batch; ++i) {
    const auto a = factor_of<T>(problem, arrays.a, problem.a, operation.transpose_a, i);
    const auto b = factor_of<T>(problem, arrays.b, problem.b, operation.transpose_b, i);
    multiply({problem.m, problem.k, problem.n}, a.data(), b.data(), sums.data());
    store(problem, arrays, sums, i);
    if (operation.sums_bias()) store_bias_gradient(problem, a, b);
  }
}

}  // namespace

void compute(const LtProblem& problem, const LtArrays& arrays) {
  if (problem.a.type == CUDA_R_64F) {
    compute_in<double>(problem, arrays);
  } else {
    compute_in<float>(problem, arrays);
  }
}

}  // namespace slipway::simt
