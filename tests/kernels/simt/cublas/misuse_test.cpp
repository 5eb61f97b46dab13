#include "tests/kernels/simt/cublas/support.h"

namespace slipway::test::cublas {
namespace {

/// A product that is right, to be spoilt.
class SimulatedCublasMisuse : public SimulatedRuntime {
 protected:
  static constexpr std::size_t kWorkspace = 4096;

  cublasStatus_t run(Matmul& call) { return call.run(arrays(), nullptr); }
  Matmul::Arrays arrays() const { return {a_.get(), b_.get(), d_.get(), workspace_.get(), kWorkspace}; }

  DeviceArray<float> a_{5 * 300}, b_{300 * 7}, d_{5 * 7 + 1}, workspace_{kWorkspace / sizeof(float) + 4};
};

TEST_F(SimulatedCublasMisuse, LayoutsMustAgree) {
  Matmul narrow({.extra = -1});
  EXPECT_EQ(narrow.search(), CUBLAS_STATUS_INVALID_VALUE);  // leading dimension below the rows
  Matmul other({.k = 4}), call;
  std::swap(call.b, other.b);
  EXPECT_EQ(call.search(), CUBLAS_STATUS_INVALID_VALUE);  // inner sizes differ
  Matmul batched({.batch = 2}), single;
  std::swap(single.b, batched.b);
  EXPECT_EQ(single.search(), CUBLAS_STATUS_INVALID_VALUE);
}

TEST_F(SimulatedCublasMisuse, TypesAndEpiloguesMustBeSupported) {
  EXPECT_EQ(Matmul({.type = CUDA_R_16F, .compute = CUBLAS_COMPUTE_64F}).search(),
            CUBLAS_STATUS_NOT_SUPPORTED);
  EXPECT_EQ(Matmul({.type = CUDA_R_16F, .compute = CUBLAS_COMPUTE_32F_FAST_TF32}).search(),
            CUBLAS_STATUS_NOT_SUPPORTED);
  Matmul mixed, halves({.type = CUDA_R_16F});
  std::swap(mixed.b, halves.b);
  EXPECT_EQ(mixed.search(), CUBLAS_STATUS_NOT_SUPPORTED);
  EXPECT_EQ(Matmul({.epilogue = CUBLASLT_EPILOGUE_GELU}).search(), CUBLAS_STATUS_NOT_SUPPORTED);
  EXPECT_EQ(Matmul({.type = CUDA_R_64F, .compute = CUBLAS_COMPUTE_64F, .epilogue = CUBLASLT_EPILOGUE_BGRADB})
                .search(),
            CUBLAS_STATUS_NOT_SUPPORTED);
}

TEST_F(SimulatedCublasMisuse, AttributesMustHaveTheirSize) {
  Matmul call;
  const std::int64_t wide = CUBLAS_OP_T;
  EXPECT_EQ(cublasLtMatmulDescSetAttribute(call.operation, CUBLASLT_MATMUL_DESC_TRANSA, &wide, sizeof wide),
            CUBLAS_STATUS_INVALID_VALUE);
  EXPECT_EQ(cublasLtMatmulDescSetAttribute(call.operation, CUBLASLT_MATMUL_DESC_TRANSA, nullptr, 4),
            CUBLAS_STATUS_INVALID_VALUE);
}

TEST_F(SimulatedCublasMisuse, AlgorithmsAreForOneProblem) {
  Matmul call, other({.m = 4});
  EXPECT_EQ(run(call), CUBLAS_STATUS_INVALID_VALUE);  // never searched for
  ok(other.search());
  call.found = other.found;
  EXPECT_EQ(run(call), CUBLAS_STATUS_INVALID_VALUE);
}

TEST_F(SimulatedCublasMisuse, WorkspaceMustBeLargeEnoughAndAligned) {
  Matmul call({.k = 300});
  ok(call.search());
  ASSERT_GT(call.found.workspaceSize, 0u);
  Matmul::Arrays wrong = arrays();
  wrong.workspace_bytes = call.found.workspaceSize - 1;
  EXPECT_EQ(call.run(wrong, nullptr), CUBLAS_STATUS_INVALID_VALUE);
  wrong = arrays();
  wrong.workspace = workspace_.get() + 1;
  EXPECT_EQ(call.run(wrong, nullptr), CUBLAS_STATUS_INVALID_VALUE);
  // Who allows no workspace gets an algorithm that needs none.
  call.prefer(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, std::uint64_t{0});
  ok(call.search());
  EXPECT_EQ(call.found.workspaceSize, 0u);
}

TEST_F(SimulatedCublasMisuse, ArraysMustBeAlignedAsWasPromised) {
  Matmul call;
  call.prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, std::uint32_t{16});
  ok(call.search());
  Matmul::Arrays shifted = arrays();
  shifted.d = d_.get() + 1;
  EXPECT_EQ(call.run(shifted, nullptr), CUBLAS_STATUS_INVALID_VALUE);
  call.prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, std::uint32_t{4});  // c is d here
  call.prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, std::uint32_t{4});
  ok(call.search());
  EXPECT_EQ(call.run(shifted, nullptr), CUBLAS_STATUS_SUCCESS);
}

TEST_F(SimulatedCublasMisuse, NothingMayBeMissing) {
  Matmul call({.epilogue = CUBLASLT_EPILOGUE_BIAS});
  ok(call.search());
  EXPECT_EQ(run(call), CUBLAS_STATUS_INVALID_VALUE);  // no bias was given
  Matmul plain;
  ok(plain.search());
  Matmul::Arrays missing = arrays();
  missing.b = nullptr;
  EXPECT_EQ(plain.run(missing, nullptr), CUBLAS_STATUS_INVALID_VALUE);
}

TEST_F(SimulatedCublasMisuse, HandlesMustLive) {
  Matmul call;
  ok(call.search());
  ok(cublasLtDestroy(call.handle));
  EXPECT_EQ(run(call), CUBLAS_STATUS_NOT_INITIALIZED);
  ok(cublasLtCreate(&call.handle));
  ok(cublasLtMatrixLayoutDestroy(std::exchange(call.d, nullptr)));
  EXPECT_EQ(run(call), CUBLAS_STATUS_INVALID_VALUE);
}

TEST_F(SimulatedCublasMisuse, MemoryMustBeOfTheHandlesDevice) {
  Matmul call;
  ok(call.search());
  const DeviceArray<float> elsewhere(35, 1);
  Matmul::Arrays wrong = arrays();
  wrong.d = elsewhere.get();
  EXPECT_EQ(call.run(wrong, nullptr), CUBLAS_STATUS_EXECUTION_FAILED);
  expect_found_at_call("wrong device");
  alignas(256) std::array<float, 64> host{};
  wrong.d = host.data();
  EXPECT_EQ(call.run(wrong, nullptr), CUBLAS_STATUS_EXECUTION_FAILED);
  expect_found_at_call("out of bounds");
}

TEST_F(SimulatedCublasMisuse, ArraysMustHoldTheMatrices) {
  Matmul call;
  ok(call.search());
  const DeviceArray<float> small(34);  // of 35
  Matmul::Arrays wrong = arrays();
  wrong.d = small.get();
  EXPECT_EQ(call.run(wrong, nullptr), CUBLAS_STATUS_EXECUTION_FAILED);
  expect_found_at_call("out of bounds");
}

TEST_F(SimulatedCublasMisuse, ResultsMustNotOverlapFactors) {
  Matmul call;
  ok(call.search());
  Matmul::Arrays wrong = arrays();
  wrong.d = a_.get();
  EXPECT_EQ(call.run(wrong, nullptr), CUBLAS_STATUS_EXECUTION_FAILED);
  expect_found_at_call("overlapping arrays");
}

TEST_F(SimulatedCublasMisuse, AMissingWaitForAnyArrayIsFound) {
  for (const std::size_t late : {0u, 1u, 2u}) {  // a and b are read, d is written
    for_each_seed([&] {
      const DeviceArray<float> a(15), b(21), d(35);
      const OwnedStream producer, consumer;
      Matmul call;
      ok(call.search());
      ok(cudaMemsetAsync(std::array{a.get(), b.get(), d.get()}[late], 0, 15 * sizeof(float), producer));
      ok(call.run({a.get(), b.get(), d.get()}, consumer));
      ok(cudaDeviceSynchronize());
      EXPECT_GE(count_findings("stream race"), 1u) << "array " << late << '\n' << finding_texts();
    });
  }
}

TEST_F(SimulatedCublasMisuse, MemoryMustOutliveItsUse) {
  auto a = std::make_unique<DeviceArray<float>>(15);
  const OwnedStream stream;
  Matmul call;
  ok(call.search());
  Matmul::Arrays early = arrays();
  early.a = a->get();
  ok(call.run(early, stream));
  a.reset();
  ok(cudaStreamSynchronize(stream));
  expect_found_at_call("use after free");
}

TEST_F(SimulatedCublasMisuse, ProductsAreCapturedAndReplayed) {
  const DeviceArray<float> a(1), b(1), d(1);
  fill(b, [](std::size_t) { return 2; });
  const OwnedStream stream;
  Matmul call({.m = 1, .n = 1, .k = 1});
  ok(call.search());
  cudaGraph_t graph = nullptr;
  ok(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
  ok(call.run({a.get(), b.get(), d.get()}, stream));
  ok(cudaStreamEndCapture(stream, &graph));
  cudaGraphExec_t executable = nullptr;
  ok(cudaGraphInstantiate(&executable, graph, 0));
  for (const float value : {3.0f, 4.0f}) {
    fill(a, [&](std::size_t) { return value; });
    ok(cudaDeviceSynchronize());
    ok(cudaGraphLaunch(executable, stream));
    ok(cudaStreamSynchronize(stream));
    EXPECT_EQ(values_of(d)[0], 2 * value);
  }
  ok(cudaGraphExecDestroy(executable));
  ok(cudaGraphDestroy(graph));
  EXPECT_EQ(count_findings(), 0u) << finding_texts();
}

}  // namespace
}  // namespace slipway::test::cublas
