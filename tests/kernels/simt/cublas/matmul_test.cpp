#include "tests/kernels/simt/cublas/support.h"

// What cublasLtMatmul computes, against plain loops.
namespace slipway::test::cublas {
namespace {

using SimulatedCublas = SimulatedRuntime;

/// Element (i, j) of op(matrix), of which `rows` are stored with this leading dimension.
float at(const std::vector<float>& matrix, std::size_t i, std::size_t j, std::size_t leading,
         cublasOperation_t transpose) {
  return transpose == CUBLAS_OP_T ? matrix[i * leading + j] : matrix[j * leading + i];
}

struct Outcome {
  std::vector<float> actual, expected;
};

Outcome multiply(const Problem& problem) {
  const std::size_t m = problem.m, n = problem.n, k = problem.k;
  const bool turned_a = problem.transpose_a == CUBLAS_OP_T, turned_b = problem.transpose_b == CUBLAS_OP_T;
  const std::size_t leading_a = (turned_a ? k : m) + static_cast<std::size_t>(problem.extra);
  const std::size_t leading_b = turned_b ? n : k, batch = static_cast<std::size_t>(problem.batch);
  const std::size_t size_a = leading_a * (turned_a ? m : k), size_b = k * n, size_d = m * n;
  const DeviceArray<float> a(batch * size_a), b(batch * size_b), d(batch * size_d), bias(m),
      workspace(std::size_t{1} << 16);
  fill(a, small);
  fill(b, [](std::size_t i) { return small(i + 3); });
  fill(bias, [](std::size_t i) { return small(i + 1); });
  Matmul call(problem);
  if (problem.epilogue == CUBLASLT_EPILOGUE_RELU_BIAS)
    call.set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, static_cast<void*>(bias.get()));
  ok(call.search());
  const OwnedStream stream;
  ok(cudaDeviceSynchronize());
  ok(call.run({a.get(), b.get(), d.get(), workspace.get(), workspace.bytes()}, stream));
  ok(cudaStreamSynchronize(stream));

  Outcome outcome{values_of(d), std::vector<float>(batch * size_d)};
  const auto host_a = values_of(a), host_b = values_of(b), host_bias = values_of(bias);
  for (std::size_t image = 0; image < batch; ++image) {
    const std::vector<float> one_a(host_a.begin() + static_cast<std::ptrdiff_t>(image * size_a),
                                   host_a.end());
    const std::vector<float> one_b(host_b.begin() + static_cast<std::ptrdiff_t>(image * size_b),
                                   host_b.end());
    for (std::size_t i = 0; i < m; ++i) {
      for (std::size_t j = 0; j < n; ++j) {
        float sum = 0;
        for (std::size_t l = 0; l < k; ++l) {
          sum += at(one_a, i, l, leading_a, problem.transpose_a) *
                 at(one_b, l, j, leading_b, problem.transpose_b);
        }
        if (problem.epilogue == CUBLASLT_EPILOGUE_RELU_BIAS) sum = std::max(0.0f, sum + host_bias[i]);
        outcome.expected[image * size_d + j * m + i] = sum;
      }
    }
  }
  return outcome;
}

void expect_product(const Problem& problem) {
  const Outcome outcome = multiply(problem);
  EXPECT_EQ(outcome.actual, outcome.expected);
  EXPECT_EQ(count_findings(), 0u) << finding_texts();
}

TEST_F(SimulatedCublas, MultipliesMatricesOfAnyOrientation) {
  for (const auto a : {CUBLAS_OP_N, CUBLAS_OP_T}) {
    for (const auto b : {CUBLAS_OP_N, CUBLAS_OP_T}) {
      SCOPED_TRACE(text("transposed ", a, ' ', b));
      expect_product({.transpose_a = a, .transpose_b = b});
    }
  }
}

TEST_F(SimulatedCublas, HonoursLeadingDimensionsAndBatches) {
  expect_product({.m = 1, .n = 1, .k = 1});
  expect_product({.extra = 3});
  expect_product({.m = 31, .n = 33, .k = 17, .batch = 3});
  expect_product({.m = 4, .n = 5, .k = 300});  // long enough to be split, in workspace
}

TEST_F(SimulatedCublas, AddsABiasAndAppliesRelu) {
  expect_product({.epilogue = CUBLASLT_EPILOGUE_RELU_BIAS});
}

TEST_F(SimulatedCublas, SumsTheGradientOfABias) {
  const Problem problem{.transpose_b = CUBLAS_OP_T, .epilogue = CUBLASLT_EPILOGUE_BGRADB};
  const DeviceArray<float> a(problem.m * problem.k), b(problem.k * problem.n), d(problem.m * problem.n),
      gradient(problem.n);
  fill(a, small);
  fill(b, small);
  Matmul call(problem);
  call.set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, static_cast<void*>(gradient.get()));
  ok(call.search());
  ok(call.run({a.get(), b.get(), d.get()}, nullptr));
  const auto sums = values_of(gradient), host_b = values_of(b);
  for (std::size_t j = 0; j < problem.n; ++j) {
    float sum = 0;
    for (std::size_t l = 0; l < problem.k; ++l) sum += host_b[l * problem.n + j];
    EXPECT_EQ(sums[j], sum) << "column " << j;
  }
}

TEST_F(SimulatedCublas, AddsToWhatWasThere) {
  const DeviceArray<float> a(1), b(1), d(1);
  fill(a, [](std::size_t) { return 3; });
  fill(b, [](std::size_t) { return 5; });
  fill(d, [](std::size_t) { return 100; });
  Matmul call({.m = 1, .n = 1, .k = 1});
  ok(call.search());
  ok(call.run({a.get(), b.get(), d.get()}, nullptr, 2));
  EXPECT_EQ(values_of(d)[0], 215);
}

TEST_F(SimulatedCublas, RoundsFactorsToTf32OnlyIfAsked) {
  constexpr float kFine = 1 + 0x1p-12f;  // more bits than TF32 has
  const DeviceArray<float> a(1), b(1), d(1);
  fill(a, [](std::size_t) { return kFine; });
  fill(b, [](std::size_t) { return 1; });
  for (const auto compute : {CUBLAS_COMPUTE_32F, CUBLAS_COMPUTE_32F_FAST_TF32}) {
    Matmul call({.m = 1, .n = 1, .k = 1, .compute = compute});
    ok(call.search());
    ok(call.run({a.get(), b.get(), d.get()}, nullptr));
    EXPECT_EQ(values_of(d)[0], compute == CUBLAS_COMPUTE_32F ? kFine : 1.0f);
  }
}

}  // namespace
}  // namespace slipway::test::cublas
