#include "layers/ops/batch_norm.h"

#include <cmath>

#include "core/base/random.h"
#include "core/graph/autograd.h"
#include "core/graph/passes/passes.h"
#include "core/runtime/executor.h"
#include "layers/ops/binary.h"
#include "layers/ops/relu.h"
#include "layers/ops/structural.h"
#include "tests/support/op_case.h"
#include "tests/support/projection.h"

namespace slipway::test {
namespace {

/// Momentum 0, so that the running statistics, which a step updates in place, stay as they are.
OpPtr training() { return std::make_shared<BatchNormTraining>(BatchNormOptions{.momentum = 0}); }
OpPtr inference() { return std::make_shared<BatchNormInference>(BatchNormOptions{}); }

std::vector<OpInput> inputs(const Shape& x, double low = -2, double high = 3) {
  const Shape channels{x[1]};
  return {{.shape = x, .low = low, .high = high},
          {.shape = channels},
          {.shape = channels},
          {.shape = channels, .differentiable = false},
          {.shape = channels, .low = 0.5, .high = 2, .differentiable = false}};
}

OpCase training_case(const std::string& name, const Shape& x, double low = -2, double high = 3) {
  return {.name = name,
          .op = training(),
          .inputs = inputs(x, low, high),
          .tolerance = 3e-5,
          .gradient_tolerance = 1e-5,
          .auxiliary_outputs = 4,
          .onnx = false};
}

OP_CASES(BatchNormTraining,
         {training_case("image", Shape{3, 5, 4, 3}), training_case("blocked", Shape{2, 20, 3, 5}),
          training_case("many_images", Shape{67, 17, 2, 1}), training_case("one_channel", Shape{3, 1, 4, 4}),
          training_case("features", Shape{9, 21}), training_case("three_rows", Shape{3, 3}),
          training_case("volume", Shape{2, 3, 2, 3, 2})});

OP_CASES(BatchNormInference, {{.name = "image", .op = inference(), .inputs = inputs(Shape{3, 5, 4, 3})},
                              {.name = "blocked", .op = inference(), .inputs = inputs(Shape{2, 20, 3, 5})},
                              {.name = "features", .op = inference(), .inputs = inputs(Shape{9, 21})},
                              {.name = "empty", .op = inference(), .inputs = inputs(Shape{0, 3, 2, 2})}});

TEST(BatchNorm, FollowsTheDefinitionAndUpdatesRunningStatistics) {
  // Channel 0: 1, 2, 3, 6 (mean 3, variance 3.5, unbiased 14/3); channel 1: constant.
  const Tensor x = Tensor::of<double>({2, 2, 2}, {1, 2, 7, 7, 3, 6, 7, 7});
  const Tensor scale = Tensor::of<double>({2}, {2, 3}), shift = Tensor::of<double>({2}, {10, 20});
  const Tensor mean = Tensor::of<double>({2}, {1, 1}), variance = Tensor::of<double>({2}, {1, 1});
  const BatchNormTraining op({.epsilon = 0.5, .momentum = 0.25});
  const std::vector<Tensor> results = run_op(op, std::vector<Tensor>{x, scale, shift, mean, variance});
  EXPECT_NEAR(results[0].at({0, 0, 0}), (1.0 - 3) / std::sqrt(3.5 + 0.5) * 2 + 10, 1e-12);
  EXPECT_NEAR(results[0].at({1, 0, 1}), (6.0 - 3) / std::sqrt(3.5 + 0.5) * 2 + 10, 1e-12);
  EXPECT_NEAR(results[0].at({1, 1, 1}), 20, 1e-12);
  EXPECT_NEAR(mean.at({0}), 0.75 * 1 + 0.25 * 3, 1e-12);
  EXPECT_NEAR(mean.at({1}), 0.75 * 1 + 0.25 * 7, 1e-12);
  EXPECT_NEAR(variance.at({0}), 0.75 * 1 + 0.25 * 14 / 3, 1e-12);
  EXPECT_NEAR(variance.at({1}), 0.75, 1e-12);
}

TEST(BatchNorm, KeepsTheVarianceOfValuesFarFromZero) {
  Tensor x(DType::float32, Shape{1, 1, 16, 16});
  for (std::size_t i = 0; i < 256; ++i) x.as<float>()[i] = 4096 + static_cast<float>(i % 2);
  const Tensor one = Tensor::of<float>({1}, {1}), zero = Tensor::of<float>({1}, {0});
  const BatchNormTraining op({.epsilon = 0});
  const std::vector<Tensor> results =
      run_op(op, std::vector<Tensor>{x, one, zero, zero.clone(), one.clone()});
  EXPECT_FLOAT_EQ(static_cast<float>(results[BatchNormTraining::kMean].item()), 4096.5F);
  EXPECT_FLOAT_EQ(static_cast<float>(results[BatchNormTraining::kRstd].item()), 2);
}

TEST(BatchNorm, OneValuePerChannelIsRefused) {
  const Tensor x(DType::float32, Shape{1, 3, 1, 1}), c(DType::float32, Shape{3});
  EXPECT_THROW(run_op(BatchNormTraining({}), std::vector<Tensor>{x, c, c, c, c}), Error);
}

/// relu(batch_norm(x) + residual) and its gradients, as built or fused.
std::vector<Tensor> block(bool training, bool residual, bool fused) {
  const Shape shape{3, 20, 4, 5}, channels{20};
  Graph graph;
  const auto input = [&](const char* name, const Shape& s) { return graph.input(name, {DType::float32, s}); };
  const Value x = input("x", shape), scale = input("scale", channels), shift = input("shift", channels);
  const Value mean = input("mean", channels), variance = input("variance", channels), r = input("r", shape);
  const BatchNormOptions options{.momentum = 0};
  const std::vector<Value> all{x, scale, shift, mean, variance};
  Value y =
      training ? graph.add(BatchNormTraining(options), all) : graph.add(BatchNormInference(options), all);
  if (residual) y = graph.add(Binary(BinaryFunction::add), {r, y});
  y = graph.add(Relu(), {y});
  const Value loss = graph.add(Projection(), {y});
  graph.output("y", y);
  const std::vector<Value> wrt{x, scale, shift, r};
  const std::vector<Value> gradient = gradients(graph, loss, wrt, structural_ops());
  std::vector<std::string> names{"y"};
  for (std::size_t i = 0; i < wrt.size(); ++i) {
    if (gradient[i]) graph.output(names.emplace_back(text("gradient", i)), gradient[i]);
  }
  graph = eliminate_dead_nodes(graph);
  if (fused) {
    graph = fuse(graph);
    for (const Node& node : graph.nodes()) {
      if (node.op) {
        EXPECT_NE(node.op->name(), "relu");
        EXPECT_NE(node.op->name(), "add");
        EXPECT_TRUE(residual || node.op->name() != "relu_gradient");
      }
    }
  }
  Executor executor(std::move(graph), {}, Variables());
  std::vector<Tensor> held;
  std::uint64_t key = 1;
  for (const auto& [name, s] : std::vector<std::pair<std::string, Shape>>{{"x", shape},
                                                                          {"scale", channels},
                                                                          {"shift", channels},
                                                                          {"mean", channels},
                                                                          {"variance", channels},
                                                                          {"r", shape}}) {
    Tensor value(DType::float32, s);
    RandomSequence random({.key = key++});
    for (float& v : value.as<float>())
      v = static_cast<float>(random.uniform(name == "variance" ? 0.5 : -1, 1.5));
    held.push_back(value);
    if (executor.graph().find(name)) executor.bind(name, held.back());
  }
  executor.run();
  std::vector<Tensor> results;
  for (const std::string& name : names) {
    const TensorView view = executor.output(name);
    results.emplace_back(view.dtype(), view.shape());
    copy_elements(view, results.back());
  }
  return results;
}

TEST(BatchNorm, FusedWithResidualAndReluGivesTheSame) {
  for (const bool training : {false, true}) {
    for (const bool residual : {false, true}) {
      const std::vector<Tensor> plain = block(training, residual, false),
                                fused = block(training, residual, true);
      ASSERT_EQ(plain.size(), fused.size());
      for (std::size_t i = 0; i < plain.size(); ++i) {
        EXPECT_LE(relative_difference(fused[i], plain[i]), 1e-6) << training << residual << i;
      }
    }
  }
}

TEST(BatchNorm, AnAdditionThatBroadcastsIsNotFused) {
  Graph graph;
  const auto input = [&](const char* name, const Shape& s) { return graph.input(name, {DType::float32, s}); };
  const Value y = graph.add(BatchNormInference({}),
                            {input("x", Shape{2, 3, 4, 4}), input("scale", Shape{3}),
                             input("shift", Shape{3}), input("mean", Shape{3}), input("variance", Shape{3})});
  graph.output("y", graph.add(Binary(BinaryFunction::add), {y, input("r", Shape{3, 1, 1})}));
  graph = fuse(graph);
  EXPECT_EQ(graph.node(graph.outputs().at("y").node).op->name(), "add");
}

TEST(BatchNorm, FoldedWeightsComputeTheSame) {
  const Tensor weight = Tensor::of<double>({2, 3}, {1, 2, 3, 4, 5, 6}),
               bias = Tensor::of<double>({2}, {7, 8});
  const BatchNormStatistics norm{.scale = Tensor::of<double>({2}, {2, 3}),
                                 .shift = Tensor::of<double>({2}, {-1, 1}),
                                 .mean = Tensor::of<double>({2}, {0.5, 1.5}),
                                 .variance = Tensor::of<double>({2}, {3, 8}),
                                 .epsilon = 1};
  const FoldedWeights with = fold_batch_norm(weight, bias, norm), without = fold_batch_norm(weight, {}, norm);
  EXPECT_DOUBLE_EQ(with.weight.at({0, 1}), 2 * 2 / 2.0);
  EXPECT_DOUBLE_EQ(with.weight.at({1, 2}), 6 * 3 / 3.0);
  EXPECT_DOUBLE_EQ(with.bias.at({0}), (7 - 0.5) * 2 / 2 - 1);
  EXPECT_DOUBLE_EQ(with.bias.at({1}), (8 - 1.5) * 3 / 3 + 1);
  EXPECT_DOUBLE_EQ(without.bias.at({1}), (0 - 1.5) * 3 / 3 + 1);
}

}  // namespace
}  // namespace slipway::test
