#include <algorithm>
#include <bit>
#include <cstring>

#include "kernels/simt/cublas/description.h"

// cublasLtMatmul and the heuristic that finds its algorithms.
namespace slipway::simt {
namespace {

/// What cublasLtMatmulAlgo_t holds: for which problem the algorithm is, and what it expects.
struct Algorithm {
  std::uint64_t mark = 0;
  std::uint64_t problem = 0;  // digest
  std::uint64_t workspace = 0;
  std::uint32_t alignment[4] = {};  // of a, b, c and d
};
constexpr std::uint64_t kMark = 0x416c676f726974;
static_assert(sizeof(Algorithm) <= sizeof(cublasLtMatmulAlgo_t));

constexpr std::uintptr_t kWorkspaceAlignment = 256;

std::uint64_t digest_of(const LtProblem& problem) {
  std::uint64_t state = 0;
  const auto mix = [&state](auto value) {
    state = (state ^ static_cast<std::uint64_t>(value)) * 0x9e3779b97f4a7c15u;
    state ^= state >> 32;
  };
  const LtOperation& operation = problem.operation;
  mix(operation.compute);
  mix(operation.transpose_a);
  mix(operation.transpose_b);
  mix(operation.epilogue);
  for (const LtLayout* layout : {&problem.a, &problem.b, &problem.c, &problem.d}) {
    mix(layout->type);
    mix(layout->rows);
    mix(layout->columns);
    mix(layout->leading);
    mix(layout->batch);
    mix(layout->batch_stride);
  }
  return state;
}

/// First what splits a long sum, for which it takes workspace, then what needs none.
std::vector<Algorithm> algorithms_for(const LtProblem& problem, const LtPreference& preference) {
  constexpr std::int64_t kLong = 256;
  Algorithm plain{.mark = kMark, .problem = digest_of(problem)};
  std::copy_n(preference.alignment, 4, plain.alignment);
  std::vector<Algorithm> found;
  if (problem.k >= kLong && (preference.reductions & CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE) != 0) {
    Algorithm split = plain;
    split.workspace = static_cast<std::uint64_t>(2 * problem.d.batch * problem.m * problem.n) * sizeof(float);
    if (split.workspace <= preference.workspace) found.push_back(split);
  }
  found.push_back(plain);
  return found;
}

void check_algorithm(const LtProblem& problem, const Algorithm& algorithm, const LtArrays& arrays) {
  expect(algorithm.mark == kMark && algorithm.problem == digest_of(problem), CUBLAS_STATUS_INVALID_VALUE);
  const void* pointers[] = {arrays.a, arrays.b, arrays.c, arrays.d};
  for (std::size_t i = 0; i < std::size(pointers); ++i) {
    expect(reinterpret_cast<std::uintptr_t>(pointers[i]) % algorithm.alignment[i] == 0,
           CUBLAS_STATUS_INVALID_VALUE);
  }
}

double scalar(const void* value, cudaDataType_t type) {
  return type == CUDA_R_64F ? *static_cast<const double*>(value) : *static_cast<const float*>(value);
}

struct MatmulCall {
  cublasLtHandle_t handle;
  LtArrays arrays;
  void* workspace;
  std::size_t workspace_bytes;
  cudaStream_t stream;
  const void* caller;
};

LibraryOperation operation_of(const LtProblem& problem, const MatmulCall& call, std::size_t workspace) {
  const LtArrays& arrays = call.arrays;
  LibraryOperation operation{.name = "cublasLtMatmul",
                             .device = lt_handle(call.handle).device,
                             .stream = call.stream,
                             .flops = problem.flops(),
                             .run = [problem, arrays] { compute(problem, arrays); },
                             .caller = call.caller};
  operation.arrays = {{"A", arrays.a, problem.a.bytes()},
                      {"B", arrays.b, problem.b.bytes()},
                      {"C", arrays.c, arrays.beta == 0 ? 0 : problem.c.bytes(), ArrayUse::read_in_place},
                      {"D", arrays.d, problem.d.bytes(), ArrayUse::written},
                      {"workspace", call.workspace, workspace, ArrayUse::workspace}};
  const std::size_t bias = static_cast<std::size_t>(problem.bias_length()) * size_of(problem.d.type);
  if (problem.operation.adds_bias()) operation.arrays.push_back({"bias", problem.operation.bias, bias});
  if (problem.operation.sums_bias()) {
    operation.arrays.push_back({"bias gradient", problem.operation.bias, bias, ArrayUse::written});
  }
  return operation;
}

void matmul(Machine& machine, const LtProblem& problem, const cublasLtMatmulAlgo_t& algo,
            const MatmulCall& call) {
  Algorithm algorithm;
  std::memcpy(static_cast<void*>(&algorithm), &algo, sizeof algorithm);
  check_algorithm(problem, algorithm, call.arrays);
  // "When workspaceSizeInBytes is less than workspace required by configured algo."
  expect(call.workspace_bytes >= algorithm.workspace, CUBLAS_STATUS_INVALID_VALUE);
  expect(reinterpret_cast<std::uintptr_t>(call.workspace) % kWorkspaceAlignment == 0,
         CUBLAS_STATUS_INVALID_VALUE);
  const LtOperation& operation = problem.operation;
  expect(operation.bias || !(operation.adds_bias() || operation.sums_bias()), CUBLAS_STATUS_INVALID_VALUE);
  const bool submitted = submit(machine, operation_of(problem, call, algorithm.workspace));
  expect(submitted, CUBLAS_STATUS_EXECUTION_FAILED);
}

}  // namespace
}  // namespace slipway::simt

using namespace slipway::simt;

extern "C" {

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t handle, cublasLtMatmulDesc_t operation,
                                              cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                              cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                              cublasLtMatmulPreference_t preference, int wanted,
                                              cublasLtMatmulHeuristicResult_t results[], int* returned) {
  return cublas_call([&](Machine&) {
    lt_handle(handle);
    expect(wanted > 0 && results && returned, CUBLAS_STATUS_INVALID_VALUE);
    *returned = 0;
    const LtProblem problem =
        check_problem(lt_operation(operation), lt_layout(a), lt_layout(b), lt_layout(c), lt_layout(d));
    for (const Algorithm& algorithm : algorithms_for(problem, lt_preference(preference))) {
      if (*returned == wanted) break;
      cublasLtMatmulHeuristicResult_t& result = results[(*returned)++];
      result = {};
      std::memcpy(&result.algo, &algorithm, sizeof algorithm);
      result.workspaceSize = algorithm.workspace;
      result.state = CUBLAS_STATUS_SUCCESS;
      result.wavesCount = 1;
    }
  });
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t handle, cublasLtMatmulDesc_t operation, const void* alpha,
                              const void* a, cublasLtMatrixLayout_t a_layout, const void* b,
                              cublasLtMatrixLayout_t b_layout, const void* beta, const void* c,
                              cublasLtMatrixLayout_t c_layout, void* d, cublasLtMatrixLayout_t d_layout,
                              const cublasLtMatmulAlgo_t* algo, void* workspace, std::size_t workspace_bytes,
                              cudaStream_t stream) {
  const void* caller = __builtin_return_address(0);
  return cublas_call([&](Machine& machine) {
    lt_handle(handle);
    expect(alpha && beta && a && b && d && algo, CUBLAS_STATUS_INVALID_VALUE);
    const LtProblem problem = check_problem(lt_operation(operation), lt_layout(a_layout), lt_layout(b_layout),
                                            lt_layout(c_layout), lt_layout(d_layout));
    const cudaDataType_t scale = problem.operation.scale;
    const LtArrays arrays{a, b, c, d, scalar(alpha, scale), scalar(beta, scale)};
    expect(c || arrays.beta == 0, CUBLAS_STATUS_INVALID_VALUE);
    matmul(machine, problem, *algo, {handle, arrays, workspace, workspace_bytes, stream, caller});
  });
}

}  // extern "C"
