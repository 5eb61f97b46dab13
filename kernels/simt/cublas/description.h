#pragma once

#include <cublasLt.h>

#include <cstdint>

#include "kernels/simt/library/operation.h"

namespace slipway::simt {

inline void expect(bool condition, cublasStatus_t otherwise) {
  if (!condition) throw LibraryFailure<cublasStatus_t>{otherwise};
}

/// Runs the body of a function of cuBLASLt.
template <class Body>
cublasStatus_t cublas_call(const Body& body) {
  return library_call(CUBLAS_STATUS_EXECUTION_FAILED, body);
}

/// What cublasLtHandle_t points to.
struct LtHandle {
  int device = 0;
};

/// What cublasLtMatmulDesc_t points to: d = epilogue(alpha op_a(a) op_b(b) + beta c), all column-major.
struct LtOperation {
  cublasComputeType_t compute = CUBLAS_COMPUTE_32F;
  cudaDataType_t scale = CUDA_R_32F;
  cublasOperation_t transpose_a = CUBLAS_OP_N, transpose_b = CUBLAS_OP_N;
  std::uint32_t epilogue = CUBLASLT_EPILOGUE_DEFAULT;
  void* bias = nullptr;  // or where its gradient is put

  bool has(cublasLtEpilogue_t part) const { return (epilogue & static_cast<std::uint32_t>(part)) != 0; }
  bool adds_bias() const { return has(CUBLASLT_EPILOGUE_BIAS); }
  bool sums_bias() const { return has(CUBLASLT_EPILOGUE_BGRADA) || has(CUBLASLT_EPILOGUE_BGRADB); }
};

/// What cublasLtMatrixLayout_t points to.
struct LtLayout {
  cudaDataType_t type = CUDA_R_32F;
  cublasLtOrder_t order = CUBLASLT_ORDER_COL;
  std::uint64_t rows = 0, columns = 0;
  std::int64_t leading = 0;
  std::int32_t batch = 1;
  std::int64_t batch_stride = 0;

  /// From the first element to past the last.
  std::size_t bytes() const;
  std::size_t count() const { return static_cast<std::size_t>(rows * columns); }
};

/// What cublasLtMatmulPreference_t points to.
struct LtPreference {
  std::uint64_t workspace = 0;
  std::uint32_t reductions = CUBLASLT_REDUCTION_SCHEME_MASK;  // by which split sums may be added
  std::uint32_t alignment[4] = {256, 256, 256, 256};          // of a, b, c and d
};

/// What the handles that programs hold stand for; failure if they are none of ours, or destroyed.
LtHandle& lt_handle(cublasLtHandle_t handle);
LtOperation& lt_operation(cublasLtMatmulDesc_t handle);
LtLayout& lt_layout(cublasLtMatrixLayout_t handle);
LtPreference& lt_preference(cublasLtMatmulPreference_t handle);

/// Bytes of an element; 0 for a type that the simulator does not know.
std::size_t size_of(cudaDataType_t type);

/// All that a call of cublasLtMatmul is about, but for its arrays.
struct LtProblem {
  LtOperation operation;
  LtLayout a, b, c, d;
  std::int64_t m = 0, n = 0, k = 0;

  /// Length of the bias or of its gradient.
  std::int64_t bias_length() const { return operation.has(CUBLASLT_EPILOGUE_BGRADB) ? n : m; }
  double flops() const;
};
/// Failure if the layouts contradict each other (INVALID_VALUE), or if no algorithm of cuBLASLt has such
/// types or such an epilogue (NOT_SUPPORTED).
LtProblem check_problem(const LtOperation& operation, const LtLayout& a, const LtLayout& b, const LtLayout& c,
                        const LtLayout& d);

struct LtArrays {
  const void* a;
  const void* b;
  const void* c;
  void* d;
  double alpha, beta;
};
/// Computes it, now.
void compute(const LtProblem& problem, const LtArrays& arrays);

}  // namespace slipway::simt
