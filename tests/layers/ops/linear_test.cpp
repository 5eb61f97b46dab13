#include "layers/ops/linear.h"

#include "layers/ops/matmul.h"
#include "tests/support/op_case.h"

namespace slipway::test {
namespace {

const auto kLinear = std::make_shared<Linear>();
const auto kNoBias = std::make_shared<Linear>(Linear::Options{.bias = false});

OP_CASES(
    Linear,
    {{.name = "one", .op = kLinear, .inputs = {{.shape = {1, 1}}, {.shape = {1, 1}}, {.shape = {1}}}},
     {.name = "odd", .op = kLinear, .inputs = {{.shape = {5, 7}}, {.shape = {3, 7}}, {.shape = {3}}}},
     {.name = "blocked",
      .op = kLinear,
      .inputs = {{.shape = {19, 37}}, {.shape = {70, 37}}, {.shape = {70}}}},
     {.name = "no_bias", .op = kNoBias, .inputs = {{.shape = {9, 64}}, {.shape = {10, 64}}}},
     {.name = "sequence", .op = kLinear, .inputs = {{.shape = {2, 3, 5}}, {.shape = {4, 5}}, {.shape = {4}}}},
     {.name = "vector", .op = kNoBias, .inputs = {{.shape = {6}}, {.shape = {4, 6}}}, .onnx = false},
     {.name = "empty", .op = kLinear, .inputs = {{.shape = {0, 5}}, {.shape = {3, 5}}, {.shape = {3}}}}});

OP_CASES(MatMul, {{.name = "plain",
                   .op = std::make_shared<MatMul>(),
                   .inputs = {{.shape = {5, 7}}, {.shape = {7, 3}}}},
                  {.name = "transposed_a",
                   .op = std::make_shared<MatMul>(MatMul::Options{.transpose_a = true}),
                   .inputs = {{.shape = {17, 5}}, {.shape = {17, 33}}}},
                  {.name = "transposed_b",
                   .op = std::make_shared<MatMul>(MatMul::Options{.transpose_b = true}),
                   .inputs = {{.shape = {20, 7}}, {.shape = {9, 7}}}},
                  {.name = "transposed_both",
                   .op = std::make_shared<MatMul>(MatMul::Options{.transpose_a = true, .transpose_b = true}),
                   .inputs = {{.shape = {3, 7, 5}}, {.shape = {3, 4, 7}}}},
                  {.name = "batched",
                   .op = std::make_shared<MatMul>(),
                   .inputs = {{.shape = {2, 3, 5, 4}}, {.shape = {2, 3, 4, 6}}}},
                  {.name = "inner_zero",
                   .op = std::make_shared<MatMul>(),
                   .inputs = {{.shape = {2, 0}}, {.shape = {0, 3}}},
                   .onnx = false}});

TEST(Linear, MistakesAreNamed) {
  const Tensor x(DType::float32, Shape{2, 784}), weight(DType::float32, Shape{10, 9216});
  try {
    run_op(*kNoBias, std::vector<Tensor>{x, weight});
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "linear: input has 784 features, weight expects 9216");
  }
}

}  // namespace
}  // namespace slipway::test
