#include "tests/kernels/simt/cudnn/support.h"

// What cuDNN's convolutions compute, against plain loops.
namespace slipway::test::cudnn {
namespace {

using SimulatedCudnn = SimulatedRuntime;

/// Calls body(place in x, in the weight, in y) for every product of the convolution.
template <class Body>
void for_each_product(const Problem& p, const Body& body) {
  const int group_in = p.weight[1], group_out = p.weight[0] / p.groups;
  for (int n = 0; n < p.y[0]; ++n) {
    for (int o = 0; o < p.y[1]; ++o) {
      for (int h = 0; h < p.y[2]; ++h) {
        for (int w = 0; w < p.y[3]; ++w) {
          for (int i = 0; i < group_in; ++i) {
            for (int r = 0; r < p.weight[2]; ++r) {
              for (int s = 0; s < p.weight[3]; ++s) {
                const int row = h * p.stride[0] + r * p.dilation[0] - p.padding[0];
                const int column = w * p.stride[1] + s * p.dilation[1] - p.padding[1];
                if (row < 0 || row >= p.x[2] || column < 0 || column >= p.x[3]) continue;
                const int channel = o / group_out * group_in + i;
                body(static_cast<std::size_t>(((n * p.x[1] + channel) * p.x[2] + row) * p.x[3] + column),
                     static_cast<std::size_t>(((o * group_in + i) * p.weight[2] + r) * p.weight[3] + s),
                     static_cast<std::size_t>(((n * p.y[1] + o) * p.y[2] + h) * p.y[3] + w));
              }
            }
          }
        }
      }
    }
  }
}

const Problem kProblems[] = {
    {},
    {.x = {1, 1, 1, 1},
     .weight = {1, 1, 1, 1},
     .y = {1, 1, 1, 1},
     .padding = {0, 0},
     .stride = {1, 1},
     .groups = 1},
    {.x = {3, 2, 7, 9},
     .weight = {4, 2, 3, 2},
     .y = {3, 4, 5, 9},
     .padding = {1, 2},
     .stride = {1, 1},
     .dilation = {2, 4},
     .groups = 1},
};

TEST_F(SimulatedCudnn, ConvolvesForward) {
  for (const Problem& problem : kProblems) {
    Convolution call(problem);
    const auto x = values_of(call.x_values), weight = values_of(call.weight_values);
    std::vector<float> expected(count(problem.y));
    for_each_product(problem,
                     [&](std::size_t i, std::size_t j, std::size_t k) { expected[k] += x[i] * weight[j]; });
    for (const auto algorithm :
         {CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM, CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM}) {
      ok(call.forward(algorithm));
      EXPECT_EQ(values_of(call.y_values), expected);
    }
  }
  EXPECT_EQ(count_findings(), 0u) << finding_texts();
}

TEST_F(SimulatedCudnn, ConvolvesBackward) {
  for (const Problem& problem : kProblems) {
    Convolution call(problem);
    const auto x = values_of(call.x_values), weight = values_of(call.weight_values),
               dy = values_of(call.y_values);
    std::vector<float> dx(x.size()), dweight(weight.size());
    for_each_product(problem, [&](std::size_t i, std::size_t j, std::size_t k) {
      dx[i] += weight[j] * dy[k];
      dweight[j] += x[i] * dy[k];
    });
    ok(call.backward_filter());
    EXPECT_EQ(values_of(call.weight_values), dweight);
    ok(cudaMemcpy(call.weight_values.get(), weight.data(), call.weight_values.bytes(),
                  cudaMemcpyHostToDevice));
    ok(call.backward_data());
    EXPECT_EQ(values_of(call.x_values), dx);
  }
  EXPECT_EQ(count_findings(), 0u) << finding_texts();
}

TEST_F(SimulatedCudnn, AddsBiasAndResidualAndAppliesRelu) {
  const Problem problem;
  Convolution call(problem);
  const auto x = values_of(call.x_values), weight = values_of(call.weight_values),
             bias = values_of(call.bias_values);
  std::vector<float> expected = values_of(call.y_values);  // the residual
  for_each_product(problem,
                   [&](std::size_t i, std::size_t j, std::size_t k) { expected[k] += x[i] * weight[j]; });
  const std::size_t plane = static_cast<std::size_t>(problem.y[2] * problem.y[3]);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    expected[i] = std::max(0.0f, expected[i] + bias[i / plane % bias.size()]);
  }
  ok(call.forward_with_epilogue(CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM));
  EXPECT_EQ(values_of(call.y_values), expected);
  EXPECT_EQ(count_findings(), 0u) << finding_texts();
}

TEST_F(SimulatedCudnn, RoundsFactorsToTf32UnlessMathIsFma) {
  constexpr float kFine = 1 + 0x1p-12f;  // more bits than TF32 has
  const float one = 1;
  for (const auto math : {CUDNN_FMA_MATH, CUDNN_DEFAULT_MATH, CUDNN_TENSOR_OP_MATH}) {
    Problem problem = kProblems[1];
    problem.math = math;
    Convolution call(problem);
    ok(cudaMemcpy(call.x_values.get(), &kFine, sizeof kFine, cudaMemcpyHostToDevice));
    ok(cudaMemcpy(call.weight_values.get(), &one, sizeof one, cudaMemcpyHostToDevice));
    ok(call.forward());
    EXPECT_EQ(values_of(call.y_values)[0], math == CUDNN_FMA_MATH ? kFine : 1.0f);
  }
}

TEST_F(SimulatedCudnn, ListsItsAlgorithmsWithWhatTheyNeed) {
  const Descriptors call;
  std::array<cudnnConvolutionBwdFilterAlgoPerf_t, 7> results{};
  int found = 0;
  ok(cudnnGetConvolutionBackwardFilterAlgorithm_v7(call.handle, call.x, call.y, call.window, call.weight,
                                                   static_cast<int>(results.size()), &found, results.data()));
  ASSERT_GT(found, 0);
  for (int i = 0; i < found; ++i) {
    const auto& result = results[static_cast<std::size_t>(i)];
    std::size_t bytes = 0;
    const cudnnStatus_t status = cudnnGetConvolutionBackwardFilterWorkspaceSize(
        call.handle, call.x, call.y, call.window, call.weight, result.algo, &bytes);
    EXPECT_EQ(status, result.status);
    EXPECT_EQ(bytes, status == CUDNN_STATUS_SUCCESS ? result.memory : 0);
    const bool random = result.algo == CUDNN_CONVOLUTION_BWD_FILTER_ALGO_0 ||
                        result.algo == CUDNN_CONVOLUTION_BWD_FILTER_ALGO_3;
    EXPECT_EQ(result.determinism, random ? CUDNN_NON_DETERMINISTIC : CUDNN_DETERMINISTIC);
  }
}

}  // namespace
}  // namespace slipway::test::cudnn
