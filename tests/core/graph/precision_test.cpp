#include <gtest/gtest.h>

#include <set>
#include <tuple>

#include "core/graph/autograd.h"
#include "core/graph/passes/passes.h"
#include "layers/ops/batch_norm.h"
#include "layers/ops/binary.h"
#include "layers/ops/cast.h"
#include "layers/ops/cross_entropy.h"
#include "layers/ops/layer_norm.h"
#include "layers/ops/linear.h"
#include "layers/ops/relu.h"
#include "layers/ops/reshape.h"
#include "layers/ops/softmax.h"
#include "layers/ops/structural.h"
#include "layers/ops/unary.h"
#include "optim/accumulation.h"

namespace slipway::test {
namespace {

constexpr DType kReduced = DType::bfloat16;

int casts(const Graph& graph) {
  int count = 0;
  for (const Node& node : graph.nodes()) count += node.op && node.op->name() == "cast";
  return count;
}

/// The only node of that name of an op.
const Node& node_of(const Graph& graph, const std::string& op) {
  const Node* found = nullptr;
  for (const Node& node : graph.nodes()) {
    if (!node.op || node.op->name() != op) continue;
    EXPECT_EQ(found, nullptr) << "two nodes are " << op << "\n" << graph;
    found = &node;
  }
  EXPECT_NE(found, nullptr) << "no node is " << op << "\n" << graph;
  return *found;
}

/// A cast changes a type, is not of a cast, and is the only one of its value to its type; and someone needs
/// it.
void expect_no_redundant_casts(const Graph& graph) {
  std::set<std::tuple<Value, DType>> made;
  for (const Node& node : graph.nodes()) {
    if (!node.op || node.op->name() != "cast") continue;
    const Value from = node.inputs[0];
    EXPECT_NE(graph.type(from).dtype, node.outputs[0].dtype) << node.name << "\n" << graph;
    const Node& producer = graph.node(from.node);
    EXPECT_FALSE(producer.op && producer.op->name() == "cast") << node.name << "\n" << graph;
    EXPECT_TRUE(made.insert({from, node.outputs[0].dtype}).second) << node.name << "\n" << graph;
  }
  EXPECT_EQ(casts(eliminate_dead_nodes(graph)), casts(graph)) << graph;
}

Graph lowered(const Graph& graph) {
  Graph result = lower_precision(graph, kReduced, structural_ops());
  expect_no_redundant_casts(result);
  return result;
}

class LowerPrecision : public testing::Test {
 protected:
  Value variable(const std::string& name, const Shape& shape) {
    return graph.variable({.name = name, .shape = shape, .initialize = nullptr, .trainable = true});
  }
  Value linear(Value input, const std::string& name) {
    return graph.add(Linear(Linear::Options{.bias = false}), {input, variable(name, {5, 5})}, name);
  }
  DType dtype(const Graph& in, const std::string& output) const {
    return in.type(in.outputs().at(output)).dtype;
  }

  Graph graph;
  const Value x = graph.input("x", {DType::float32, {4, 5}});
};

TEST_F(LowerPrecision, CastsAtEdgesOnly) {
  const Value hidden = graph.add(Relu(), {linear(x, "first")});
  graph.output("y", graph.add(Softmax(), {linear(hidden, "second")}));
  const Graph mixed = lowered(graph);
  EXPECT_EQ(casts(mixed), 4) << mixed;  // of x, of two weights, before softmax
  EXPECT_EQ(node_of(mixed, "relu").outputs[0].dtype, kReduced);
  EXPECT_EQ(node_of(mixed, "softmax").outputs[0].dtype, DType::float32);
  EXPECT_EQ(dtype(mixed, "y"), DType::float32);
  for (const char* name : {"x", "first", "second"}) {
    EXPECT_EQ(mixed.type(mixed.find(name)).dtype, DType::float32) << name;
  }
}

TEST_F(LowerPrecision, SharesCasts) {
  const Value weight = variable("shared", {5, 5});
  const Linear op(Linear::Options{.bias = false});
  const Value first = graph.add(op, {x, weight}), second = graph.add(op, {first, weight});
  graph.output("exp", graph.add(Unary(UnaryFunction::exp), {second}));
  graph.output("log", graph.add(Unary(UnaryFunction::log), {second}));
  graph.output("itself", second);
  const Graph mixed = lowered(graph);
  EXPECT_EQ(casts(mixed), 3) << mixed;  // of x, of the weight, of `second` for all three readers
}

TEST_F(LowerPrecision, LeavesAGraphWithoutProductsAlone) {
  graph.output("y", graph.add(Relu(), {graph.add(Unary(UnaryFunction::exp), {x})}));
  EXPECT_EQ(casts(lowered(graph)), 0);
}

TEST_F(LowerPrecision, NormsKeepStatisticsAndParameters) {
  const auto channels = [&](const char* name) { return variable(name, {5}); };
  const Value running_mean = channels("mean"), running_variance = channels("variance");
  const std::vector<Value> batch = graph.add_all(
      BatchNormTraining(BatchNormOptions{}),
      {linear(x, "first"), channels("scale"), channels("shift"), running_mean, running_variance});
  graph.update(running_mean, batch[BatchNormTraining::kRunningMean]);
  graph.update(running_variance, batch[BatchNormTraining::kRunningVariance]);
  const Value layer = graph.add(LayerNorm(LayerNorm::Options{}),
                                {batch[0], channels("layer_scale"), channels("layer_shift")});
  graph.output("y", linear(layer, "second"));
  const Graph mixed = lowered(graph);
  EXPECT_EQ(casts(mixed), 4) << mixed;  // of x, of two weights, of the result
  for (const char* name : {"batch_norm", "layer_norm"}) {
    const Node& norm = node_of(mixed, name);
    EXPECT_EQ(mixed.type(norm.inputs[0]).dtype, kReduced) << name;
    EXPECT_EQ(norm.outputs[0].dtype, kReduced) << name;
    for (std::size_t k = 1; k < norm.inputs.size(); ++k) {
      EXPECT_EQ(mixed.type(norm.inputs[k]).dtype, DType::float32) << name << " input " << k;
    }
    for (std::size_t k = 1; k < norm.outputs.size(); ++k) {
      EXPECT_EQ(norm.outputs[k].dtype, DType::float32) << name << " output " << k;
    }
  }
  EXPECT_EQ(mixed.updates().size(), 2u);
}

TEST_F(LowerPrecision, WhatIsNotComputedAdapts) {
  const Value bias = graph.add(Reshape({1, 5}), {variable("bias", {5})});
  graph.output("y", graph.add(Binary(BinaryFunction::add), {linear(x, "first"), bias}));
  const Graph mixed = lowered(graph);
  EXPECT_EQ(node_of(mixed, "add").outputs[0].dtype, kReduced) << mixed;
}

TEST_F(LowerPrecision, ASumOfBothIsFull) {
  const Value exact = graph.add(Unary(UnaryFunction::exp), {x});
  graph.output("y", graph.add(Binary(BinaryFunction::add), {linear(exact, "first"), exact}));
  const Graph mixed = lowered(graph);
  EXPECT_EQ(node_of(mixed, "add").outputs[0].dtype, DType::float32);
  EXPECT_EQ(casts(mixed), 3) << mixed;
}

TEST_F(LowerPrecision, OtherTypesStay) {
  const Value wide = graph.input("wide", {DType::float64, {4, 5}});
  const Value weight =
      graph.variable({.name = "w", .dtype = DType::float64, .shape = {5, 5}, .initialize = nullptr});
  graph.output("y", graph.add(Linear(Linear::Options{.bias = false}), {wide, weight}));
  const Graph mixed = lowered(graph);
  EXPECT_EQ(casts(mixed), 0);
  EXPECT_EQ(dtype(mixed, "y"), DType::float64);
}

TEST_F(LowerPrecision, CastsOfVariablesAreGathered) {
  const Value hidden = linear(linear(x, "first"), "second");
  const Value sum = variable("sum", {4, 5}), weight = variable("changed", {5, 5});
  graph.output("y", graph.add(Linear(Linear::Options{.bias = false}), {hidden, weight}));
  graph.output("z", linear(accumulate(graph, sum, x), "third"));
  accumulate(graph, weight, weight);
  const Graph mixed = lowered(graph), gathered = gather_casts(mixed, structural_ops());
  const Node& together = node_of(gathered, "cast_all");
  ASSERT_EQ(together.outputs.size(), 3u) << gathered;
  for (std::size_t k = 0; k < 3; ++k) {
    EXPECT_EQ(together.outputs[k], ValueType(kReduced, {5, 5}));
    EXPECT_EQ(gathered.node(together.inputs[k].node).kind, NodeKind::variable);
    EXPECT_NE(gathered.node(together.inputs[k].node).name, "changed");
  }
  EXPECT_EQ(casts(gathered), casts(mixed) - 3) << gathered;
  EXPECT_EQ(gathered.nodes().size(), mixed.nodes().size() - 2);
}

TEST_F(LowerPrecision, GradientsOfParametersAreFull) {
  const Value hidden = graph.add(Unary(UnaryFunction::gelu), {linear(x, "first")});
  const Value labels = graph.input("labels", {DType::int64, {4}});
  const Value logits = graph.add(Binary(BinaryFunction::add), {linear(hidden, "second"), hidden});
  graph.output("loss", graph.add_all(CrossEntropy(), {logits, labels})[0]);
  Graph mixed = lowered(graph);
  const std::vector<Value> weights = {mixed.find("first"), mixed.find("second")};
  const std::vector<Value> gradient = gradients(mixed, mixed.outputs().at("loss"), weights, structural_ops());
  for (std::size_t i = 0; i < weights.size(); ++i) {
    EXPECT_EQ(mixed.type(gradient[i]).dtype, DType::float32);
    mixed.output("gradient" + std::to_string(i), gradient[i]);
  }
  mixed = eliminate_dead_nodes(mixed);
  expect_no_redundant_casts(mixed);
  EXPECT_EQ(casts(mixed), 3 + 1 + 1 + 2) << mixed;  // x and weights, logits, their gradient, those of weights
  EXPECT_EQ(node_of(mixed, "gelu_gradient").outputs[0].dtype, kReduced);
}

}  // namespace
}  // namespace slipway::test
