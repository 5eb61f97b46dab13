#include <gtest/gtest.h>

#include <cstring>

#include "core/base/random.h"
#include "core/graph/autograd.h"
#include "core/graph/passes/passes.h"
#include "core/runtime/executor.h"
#include "layers/ops/batch_norm.h"
#include "layers/ops/binary.h"
#include "layers/ops/fill.h"
#include "layers/ops/reduce.h"
#include "layers/ops/relu.h"
#include "layers/ops/scale.h"
#include "layers/ops/structural.h"
#include "layers/ops/unary.h"
#include "tests/support/random_graph.h"

namespace slipway::test {
namespace {

int count(const Graph& graph, const std::string& name) {
  int found = 0;
  for (const Node& node : graph.nodes()) found += node.op && node.op->name() == name;
  return found;
}

Graph fused(const Graph& graph) { return fuse_chains(fuse(graph), structural_ops()); }

const ValueType kRow(DType::float32, {33});

Value unary(Graph& graph, UnaryFunction function, Value x) { return graph.add(Unary(function), {x}); }
Value binary(Graph& graph, BinaryFunction function, Value a, Value b) {
  return graph.add(Binary(function), {a, b});
}

TEST(Chains, BecomeOneOp) {
  Graph graph;
  const Value x = graph.input("x", kRow), y = graph.input("y", kRow);
  const Value t = unary(graph, UnaryFunction::tanh, binary(graph, BinaryFunction::add, x, y));
  graph.output("z", binary(graph, BinaryFunction::multiply, t, binary(graph, BinaryFunction::add, t, x)));
  const Graph result = fused(graph);
  ASSERT_EQ(result.nodes().size(), 3u);
  EXPECT_EQ(result.node(2).op->attributes(), "add tanh add multiply");
}

TEST(Chains, EndWhereOthersRead) {
  Graph graph;
  const Value x = graph.input("x", kRow);
  const Value first = unary(graph, UnaryFunction::tanh, x), second = unary(graph, UnaryFunction::exp, first);
  graph.output("first", first);
  graph.output("second", second);
  EXPECT_EQ(count(fused(graph), "elementwise"), 0);
}

TEST(Chains, EndWhereTheShapeChanges) {
  Graph graph;
  const Value x = graph.input("x", {DType::float32, {5, 33}}), y = graph.input("y", kRow);
  const Value small = unary(graph, UnaryFunction::exp, unary(graph, UnaryFunction::tanh, y));
  graph.output("z", unary(graph, UnaryFunction::exp, binary(graph, BinaryFunction::add, x, small)));
  EXPECT_EQ(count(fused(graph), "elementwise"), 2);
}

TEST(Chains, LeaveOneOpAndItsNumberAlone) {
  Graph graph;
  const Value x = graph.input("x", kRow);
  graph.output("y", binary(graph, BinaryFunction::multiply, x, graph.add(Fill(DType::float32, {}, 2), {})));
  EXPECT_EQ(count(fused(graph), "elementwise"), 0);
}

TEST(Chains, LeaveIntegersAlone) {
  Graph graph;
  const Value x = graph.input("x", {DType::int32, {33}});
  graph.output("y", binary(graph, BinaryFunction::add, binary(graph, BinaryFunction::add, x, x), x));
  EXPECT_EQ(count(fused(graph), "elementwise"), 0);
}

TEST(Chains, ComeAfterTheFusionsThatKnowBetter) {
  const ValueType image(DType::float32, {2, 4, 3, 3}), channels(DType::float32, {4});
  Graph graph;
  const Value x = graph.input("x", image), residual = graph.input("residual", image);
  std::vector<Value> inputs = {x};
  for (const char* name : {"scale", "shift", "mean", "variance"})
    inputs.push_back(graph.input(name, channels));
  Value y = graph.add(BatchNormInference({}), inputs);
  y = graph.add(Relu(), {binary(graph, BinaryFunction::add, y, residual)});
  graph.output("y", unary(graph, UnaryFunction::exp, unary(graph, UnaryFunction::tanh, y)));
  const Graph result = fused(graph);
  EXPECT_EQ(count(result, "relu"), 0);
  EXPECT_EQ(count(result, "add"), 0);
  ASSERT_EQ(count(result, "elementwise"), 1);
  EXPECT_EQ(result.node(static_cast<int>(result.nodes().size()) - 1).op->attributes(), "tanh exp");
}

/// variable = value
class Assign : public Op {
 public:
  std::string_view name() const override { return "assign"; }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override { return {inputs[0]}; }
  void run(OpContext& context) const override { copy_elements(context.input(1), context.output()); }
  std::vector<InPlace> in_place() const override {
    return {{.output = 0, .input = 0, .rule = InPlace::Rule::required}};
  }
};

TEST(Chains, ReadAVariableBeforeItIsUpdated) {
  Graph graph;
  const Value x = graph.input("x", kRow);
  const Value w = graph.variable({.name = "w", .shape = {33}, .initialize = [](const TensorView& view) {
                                    for (float& value : view.as<float>()) value = 1;
                                  }});
  const Value before = binary(graph, BinaryFunction::add, w, x);
  graph.update(w, graph.add(Assign(), {w, x}));
  graph.output("y", binary(graph, BinaryFunction::multiply, before, before));
  Variables variables;
  variables.allocate(graph);
  Executor executor(fused(graph), {}, variables);
  const Tensor input = Tensor::full(DType::float32, {33}, 2);
  executor.bind("x", input);
  executor.run();
  EXPECT_EQ(executor.read("y").as<float>()[32], 9);
}

TEST(Chains, GiveTheBitsOfTheirOps) {
  int chains = 0;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    const RandomGraph random(seed, seed % 2 == 0 ? RandomGraph::Casts::none : RandomGraph::Casts::wide);
    const Graph lean = eliminate_dead_nodes(random.graph()), result = fuse_chains(lean, structural_ops());
    chains += count(result, "elementwise");
    const std::vector<Tensor> expected = random.run(lean, {}), actual = random.run(result, {.threads = 3});
    for (std::size_t i = 0; i < expected.size(); ++i) {
      ASSERT_EQ(actual[i].type(), expected[i].type());
      ASSERT_EQ(std::memcmp(actual[i].view().data, expected[i].view().data, expected[i].type().bytes()), 0)
          << "seed " << seed << ", output " << i << "\n"
          << lean << "\n"
          << result;
    }
  }
  EXPECT_GT(chains, 100);
}

TEST(Chains, OfGradientsGiveTheirBits) {
  Graph graph;
  const Value x = graph.input("x", {DType::float32, {31, 37}}), w = graph.input("w", {DType::float32, {37}});
  Value y = unary(graph, UnaryFunction::gelu, binary(graph, BinaryFunction::multiply, x, w));
  y = graph.add(Relu(0.2),
                {unary(graph, UnaryFunction::silu, binary(graph, BinaryFunction::subtract, y, x))});
  const Value loss = graph.add(Reduce::all(ReduceFunction::mean, 2), {y});
  graph.output("loss", loss);
  const std::vector<Value> of = gradients(graph, loss, std::vector<Value>{x, w}, structural_ops());
  graph.output("dx", of[0]);
  graph.output("dw", of[1]);
  const Graph lean = eliminate_dead_nodes(graph), result = fused(lean);
  EXPECT_GE(count(result, "elementwise"), 2);
  std::map<std::string, std::vector<Tensor>> results;
  for (const Graph* each : {&lean, &result}) {
    Executor executor(*each, {}, Variables());
    Tensor input(DType::float32, {31, 37}), weight(DType::float32, {37});
    RandomSequence random(Philox{.key = 1});
    for (float& value : input.as<float>()) value = static_cast<float>(random.uniform(-2, 2));
    for (float& value : weight.as<float>()) value = static_cast<float>(random.uniform(-2, 2));
    executor.bind("x", input);
    executor.bind("w", weight);
    executor.run();
    for (const char* name : {"loss", "dx", "dw"}) results[name].push_back(executor.read(name));
  }
  for (const auto& [name, pair] : results)
    EXPECT_EQ(std::memcmp(pair[0].view().data, pair[1].view().data, pair[0].type().bytes()), 0) << name;
}

}  // namespace
}  // namespace slipway::test
