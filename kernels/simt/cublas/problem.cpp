#include "kernels/simt/cublas/description.h"

// What cuBLASLt can multiply. ("cublasLtMatmul()", with its tables of types, in the cuBLAS documentation)
namespace slipway::simt {
namespace {

void check_layout(const LtLayout& layout) {
  expect(layout.order == CUBLASLT_ORDER_COL, CUBLAS_STATUS_NOT_SUPPORTED);
  // "Must be large enough so that matrix memory locations are not overlapping."
  expect(layout.rows > 0 && layout.columns > 0 && layout.batch > 0 &&
             layout.leading >= static_cast<std::int64_t>(layout.rows),
         CUBLAS_STATUS_INVALID_VALUE);
}

void check_types(const LtProblem& problem) {
  const LtOperation& operation = problem.operation;
  const cudaDataType_t type = problem.a.type;
  expect(problem.b.type == type && problem.c.type == type && problem.d.type == type,
         CUBLAS_STATUS_NOT_SUPPORTED);
  switch (operation.compute) {
    case CUBLAS_COMPUTE_32F:
    case CUBLAS_COMPUTE_32F_PEDANTIC:
      return expect(
          operation.scale == CUDA_R_32F && (type == CUDA_R_32F || type == CUDA_R_16F || type == CUDA_R_16BF),
          CUBLAS_STATUS_NOT_SUPPORTED);
    case CUBLAS_COMPUTE_32F_FAST_TF32:
      return expect(operation.scale == CUDA_R_32F && type == CUDA_R_32F, CUBLAS_STATUS_NOT_SUPPORTED);
    case CUBLAS_COMPUTE_64F:
    case CUBLAS_COMPUTE_64F_PEDANTIC:
      return expect(operation.scale == CUDA_R_64F && type == CUDA_R_64F, CUBLAS_STATUS_NOT_SUPPORTED);
    default:
      throw LibraryFailure<cublasStatus_t>{CUBLAS_STATUS_NOT_SUPPORTED};
  }
}

void check_epilogue(const LtProblem& problem) {
  switch (problem.operation.epilogue) {
    case CUBLASLT_EPILOGUE_DEFAULT:
    case CUBLASLT_EPILOGUE_RELU:
    case CUBLASLT_EPILOGUE_BIAS:
    case CUBLASLT_EPILOGUE_RELU_BIAS:
      return;
    case CUBLASLT_EPILOGUE_BGRADA:
    case CUBLASLT_EPILOGUE_BGRADB:
      return expect(problem.d.batch == 1 && problem.d.type != CUDA_R_64F, CUBLAS_STATUS_NOT_SUPPORTED);
    default:
      throw LibraryFailure<cublasStatus_t>{CUBLAS_STATUS_NOT_SUPPORTED};
  }
}

}  // namespace

std::size_t size_of(cudaDataType_t type) {
  switch (type) {
    case CUDA_R_16F:
    case CUDA_R_16BF:
      return 2;
    case CUDA_R_32F:
      return 4;
    case CUDA_R_64F:
      return 8;
    default:
      return 0;
  }
}

std::size_t LtLayout::bytes() const {
  const std::int64_t last = (static_cast<std::int64_t>(columns) - 1) * leading + (batch - 1) * batch_stride;
  return (static_cast<std::size_t>(last) + rows) * size_of(type);
}

double LtProblem::flops() const {
  return 2.0 * static_cast<double>(d.batch) * static_cast<double>(m) * static_cast<double>(n) *
         static_cast<double>(k);
}

LtProblem check_problem(const LtOperation& operation, const LtLayout& a, const LtLayout& b, const LtLayout& c,
                        const LtLayout& d) {
  for (const LtLayout* layout : {&a, &b, &c, &d}) check_layout(*layout);
  const bool turned_a = operation.transpose_a == CUBLAS_OP_T, turned_b = operation.transpose_b == CUBLAS_OP_T;
  const std::uint64_t m = turned_a ? a.columns : a.rows, k = turned_a ? a.rows : a.columns;
  const std::uint64_t n = turned_b ? b.rows : b.columns;
  expect((turned_b ? b.columns : b.rows) == k && d.rows == m && d.columns == n && c.rows == m &&
             c.columns == n && a.batch == d.batch && b.batch == d.batch && c.batch == d.batch,
         CUBLAS_STATUS_INVALID_VALUE);
  // The matrices of a result must not lie in each other.
  const bool apart = d.batch == 1 || d.batch_stride >= d.leading * static_cast<std::int64_t>(d.columns);
  expect(apart, CUBLAS_STATUS_INVALID_VALUE);
  LtProblem problem{operation,
                    a,
                    b,
                    c,
                    d,
                    static_cast<std::int64_t>(m),
                    static_cast<std::int64_t>(n),
                    static_cast<std::int64_t>(k)};
  check_types(problem);
  check_epilogue(problem);
  return problem;
}

}  // namespace slipway::simt
