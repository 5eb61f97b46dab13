#pragma once

#include <cublasLt.h>

#include <array>
#include <memory>
#include <utility>
#include <vector>

#include "tests/kernels/simt/runtime/support.h"

namespace slipway::test::cublas {

using slipway::test::ok;
inline void ok(cublasStatus_t status) {
  require(status == CUBLAS_STATUS_SUCCESS, cublasLtGetStatusString(status));
}

/// A product d [m, n] = a [m, k] b [k, n] of column-major float32 matrices, as one call describes it.
struct Problem {
  std::uint64_t m = 5, n = 7, k = 3;
  std::int64_t extra = 0;  // by how much the leading dimension of `a` exceeds its rows
  cudaDataType_t type = CUDA_R_32F;
  cublasComputeType_t compute = CUBLAS_COMPUTE_32F;
  cublasOperation_t transpose_a = CUBLAS_OP_N, transpose_b = CUBLAS_OP_N;
  cublasLtEpilogue_t epilogue = CUBLASLT_EPILOGUE_DEFAULT;
  std::int32_t batch = 1;
};

/// Everything that a call of cublasLtMatmul needs.
class Matmul {
 public:
  explicit Matmul(const Problem& problem = {}) : problem_(problem) {
    ok(cublasLtCreate(&handle));
    const bool turned_a = problem.transpose_a == CUBLAS_OP_T, turned_b = problem.transpose_b == CUBLAS_OP_T;
    const bool is_double = problem.type == CUDA_R_64F;
    ok(cublasLtMatmulDescCreate(&operation, problem.compute, is_double ? CUDA_R_64F : CUDA_R_32F));
    set(CUBLASLT_MATMUL_DESC_TRANSA, static_cast<std::int32_t>(problem.transpose_a));
    set(CUBLASLT_MATMUL_DESC_TRANSB, static_cast<std::int32_t>(problem.transpose_b));
    set(CUBLASLT_MATMUL_DESC_EPILOGUE, static_cast<std::uint32_t>(problem.epilogue));
    a = layout(turned_a ? problem.k : problem.m, turned_a ? problem.m : problem.k, problem.extra);
    b = layout(turned_b ? problem.n : problem.k, turned_b ? problem.k : problem.n, 0);
    d = layout(problem.m, problem.n, 0);
    ok(cublasLtMatmulPreferenceCreate(&preference));
    prefer(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, std::uint64_t{1} << 20);
  }
  ~Matmul() {
    for (cublasLtMatrixLayout_t one : {a, b, d}) cublasLtMatrixLayoutDestroy(one);
    cublasLtMatmulPreferenceDestroy(preference);
    cublasLtMatmulDescDestroy(operation);
    cublasLtDestroy(handle);
  }
  Matmul(const Matmul&) = delete;
  Matmul& operator=(const Matmul&) = delete;

  template <class Value>
  void set(cublasLtMatmulDescAttributes_t attribute, const Value& value) {
    ok(cublasLtMatmulDescSetAttribute(operation, attribute, &value, sizeof value));
  }
  template <class Value>
  void prefer(cublasLtMatmulPreferenceAttributes_t attribute, const Value& value) {
    ok(cublasLtMatmulPreferenceSetAttribute(preference, attribute, &value, sizeof value));
  }

  /// The status of the search; `found` is its first result.
  cublasStatus_t search() {
    int count = 0;
    const cublasStatus_t status =
        cublasLtMatmulAlgoGetHeuristic(handle, operation, a, b, d, d, preference, 1, &found, &count);
    if (status == CUBLAS_STATUS_SUCCESS) require(count == 1, "the heuristic found nothing");
    return status;
  }
  struct Arrays {
    const void* a;
    const void* b;
    void* d;
    void* workspace = nullptr;
    std::size_t workspace_bytes = 0;
  };
  cublasStatus_t run(const Arrays& arrays, cudaStream_t stream, double beta = 0) {
    const float one = 1, scale = static_cast<float>(beta);
    const double double_one = 1;
    const bool is_double = problem_.type == CUDA_R_64F;
    const void* alpha = is_double ? static_cast<const void*>(&double_one) : &one;
    const void* beta_pointer = is_double ? static_cast<const void*>(&beta) : &scale;
    return cublasLtMatmul(handle, operation, alpha,  // bug: matmul
                          arrays.a, a, arrays.b, b, beta_pointer, arrays.d, d, arrays.d, d, &found.algo,
                          arrays.workspace, arrays.workspace_bytes, stream);
  }

  cublasLtHandle_t handle = nullptr;
  cublasLtMatmulDesc_t operation = nullptr;
  cublasLtMatrixLayout_t a = nullptr, b = nullptr, d = nullptr;
  cublasLtMatmulPreference_t preference = nullptr;
  cublasLtMatmulHeuristicResult_t found{};

 private:
  cublasLtMatrixLayout_t layout(std::uint64_t rows, std::uint64_t columns, std::int64_t extra) {
    cublasLtMatrixLayout_t made = nullptr;
    const std::int64_t leading = static_cast<std::int64_t>(rows) + extra;
    ok(cublasLtMatrixLayoutCreate(&made, problem_.type, rows, columns, leading));
    const std::int64_t stride = leading * static_cast<std::int64_t>(columns);
    ok(cublasLtMatrixLayoutSetAttribute(made, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &problem_.batch,
                                        sizeof problem_.batch));
    ok(cublasLtMatrixLayoutSetAttribute(made, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &stride,
                                        sizeof stride));
    return made;
  }

  Problem problem_;
};

/// Expects a finding of this kind, at the call above.
inline void expect_found_at_call(const std::string& kind) { expect_found({kind, __FILE__, "bug: matmul"}); }

/// value(i) for each element, on the device.
template <class Value>
void fill(const DeviceArray<float>& array, const Value& value) {
  std::vector<float> host(array.size());
  for (std::size_t i = 0; i < host.size(); ++i) host[i] = static_cast<float>(value(i));
  ok(cudaMemcpy(array.get(), host.data(), array.bytes(), cudaMemcpyHostToDevice));
}
inline std::vector<float> values_of(const DeviceArray<float>& array) {
  std::vector<float> host(array.size());
  ok(cudaMemcpy(host.data(), array.get(), array.bytes(), cudaMemcpyDeviceToHost));
  return host;
}

/// Small integers, whose sums are exact.
inline float small(std::size_t i) { return static_cast<float>(i * 7 % 11) - 5; }

}  // namespace slipway::test::cublas
