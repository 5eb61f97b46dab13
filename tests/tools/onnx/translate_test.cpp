#include "tools/onnx/translate.h"

#include <gmock/gmock.h>

#include "layers/ops/binary.h"
#include "layers/ops/broadcast_to.h"
#include "layers/ops/channel_affine.h"
#include "layers/ops/conv2d.h"
#include "layers/ops/fill.h"
#include "layers/ops/relu.h"
#include "layers/ops/reorder.h"
#include "layers/ops/reshape.h"
#include "layers/ops/slice.h"
#include "tests/tools/onnx/support.h"
#include "tools/onnx/export.h"
#include "tools/onnx/float_input.h"
#include "tools/onnx/passes.h"

namespace slipway::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Dimensions = std::vector<OnnxValueInfo::Dimension>;

Value parameter(Graph& graph, const std::string& name, const Shape& shape) {
  return graph.variable({.name = name, .dtype = DType::float32, .shape = shape, .initialize = {}});
}

/// conv1 -> relu1 -> flatten, and a second output that adds a constant.
Graph small_network(std::int64_t batch) {
  Graph graph;
  const Value image = graph.input("image", {DType::float32, {batch, 2, 5, 4}});
  Conv2dOptions options;
  options.bias = true;
  const Value weight = parameter(graph, "conv1.weight", {3, 2, 3, 3});
  const Value bias = parameter(graph, "conv1.bias", {3});
  const Value features =
      graph.add(Relu(), {graph.add(Conv2d(options), {image, weight, bias}, "conv1")}, "relu1");
  const Value flat = graph.add(Reshape({batch, 18}), {features}, "flatten");
  const Value one = graph.constant(Tensor::full(DType::float32, {1}, 1), "one");
  graph.output("features", flat);
  graph.output("shifted", graph.add(Binary(BinaryFunction::add), {flat, one}, "shift"));
  return graph;
}

Variables small_variables() {
  Variables variables;
  variables.allocate(small_network(1));
  variables.write("conv1.weight", random_tensor({3, 2, 3, 3}, 2));
  variables.write("conv1.bias", random_tensor({3}, 3));
  return variables;
}

std::vector<std::string> op_types(const OnnxGraph& graph) {
  std::vector<std::string> types;
  for (const OnnxNode& node : graph.nodes) types.push_back(node.op_type);
  return types;
}

TEST(TranslateToOnnx, GivesNamesThatAUserKnows) {
  const OnnxGraph onnx = translate_to_onnx(small_network, small_variables());
  EXPECT_THAT(op_types(onnx), ElementsAre("Conv", "Relu", "Reshape", "Add"));
  EXPECT_THAT(onnx.nodes[0].inputs, ElementsAre("image", "conv1.weight", "conv1.bias"));
  EXPECT_THAT(onnx.nodes[0].outputs, ElementsAre("conv1"));
  EXPECT_THAT(onnx.nodes[1].outputs, ElementsAre("relu1"));
  EXPECT_THAT(onnx.nodes[2].outputs, ElementsAre("features"));
  EXPECT_THAT(onnx.nodes[3].outputs, ElementsAre("shifted"));
  ASSERT_EQ(onnx.inputs.size(), 1U);
  EXPECT_EQ(onnx.inputs[0].shape, (Dimensions{"batch_size", 2, 5, 4}));
  EXPECT_EQ(onnx.outputs[0].shape, (Dimensions{"batch_size", 18}));
}

TEST(TranslateToOnnx, RunsForAnyBatchSize) {
  const TemporaryDirectory directory;
  const Variables variables = small_variables();
  write_onnx(small_network, variables, directory / "model.onnx");
  const std::map<std::string, Tensor> inputs{{"image", random_tensor({3, 2, 5, 4})}};
  expect_agreement(directory, inputs, run_graph(small_network(3), variables, inputs));
}

TEST(TranslateToOnnx, KeepsFixedSizes) {
  const OnnxGraph onnx = translate_to_onnx(small_network(4), small_variables());
  EXPECT_EQ(onnx.inputs[0].shape, (Dimensions{4, 2, 5, 4}));
}

TEST(TranslateToOnnx, FollowsTheBatchSizeInShapes) {
  // Rows times four, and a value without inputs.
  const auto build = [](std::int64_t batch) {
    Graph graph;
    const Value x = graph.input("x", {DType::float32, {batch, 8}});
    const Value rows = graph.add(Reshape({-1, 2}), {x}, "rows");
    const Value ones = graph.add(Fill(DType::float32, {batch * 4, 2}, 1), {}, "ones");
    graph.output("y", graph.add(Reshape({batch, 8}),
                                {graph.add(Binary(BinaryFunction::add), {rows, ones}, "sum")}, "back"));
    graph.output("rows", rows);
    return graph;
  };
  const OnnxGraph onnx = translate_to_onnx(build, Variables());
  EXPECT_EQ(onnx.outputs[0].shape, (Dimensions{"4 * batch_size", 2}));
  const TemporaryDirectory directory;
  write_onnx(
      [&](std::int64_t batch) {
        Graph graph = build(batch);
        graph.drop_output("rows");  // the verifier takes rows for samples
        return graph;
      },
      Variables(), directory / "model.onnx");
  const std::map<std::string, Tensor> inputs{{"x", random_tensor({3, 8})}};
  expect_agreement(directory, inputs, {{"y", run_graph(build(3), Variables(), inputs).at("y")}});
}

TEST(TranslateToOnnx, BroadcastsToTheBatchSize) {
  const auto build = [](std::int64_t batch) {
    Graph graph;
    const Value x = graph.input("x", {DType::float32, {batch, 1, 2}});
    const Value row = graph.add(Slice({0, 0, 0}, {1, 1, 1}), {x}, "first");  // does not vary
    graph.output("rows", graph.add(BroadcastTo({batch, 3, 2}), {x}, "wide"));
    graph.output("firsts", graph.add(BroadcastTo({batch, 1, 2}), {row}, "tall"));
    return graph;
  };
  const TemporaryDirectory directory;
  write_onnx(build, Variables(), directory / "model.onnx");
  const std::map<std::string, Tensor> inputs{{"x", Tensor::full(DType::float32, {3, 1, 2}, 4)}};
  expect_agreement(directory, inputs, run_graph(build(3), Variables(), inputs));
}

TEST(TranslateToOnnx, SharesEqualConstants) {
  Graph graph;
  Value x = graph.input("x", {DType::float32, {2, 3}});
  for (const char* name : {"a", "b"}) {
    const Value constant = graph.constant(Tensor::full(DType::float32, {3}, 7), name);
    x = graph.add(Binary(BinaryFunction::add), {x, constant}, "add");
  }
  graph.output("y", x);
  EXPECT_EQ(translate_to_onnx(graph, Variables()).initializers.size(), 1U);
}

TEST(TranslateToOnnx, ComputesWhatDependsOnVariablesAlone) {
  Graph graph;
  const Value x = graph.input("x", {DType::float32, {2, 3}});
  const Value weight = graph.add(Relu(), {parameter(graph, "weight", {3})}, "positive");
  graph.output("y", graph.add(Binary(BinaryFunction::add), {x, weight}, "add"));
  graph.output("positive", weight);
  Variables variables;
  variables.allocate(graph);
  variables.write("weight", Tensor::of<float>({3}, {-1, 0, 2}));
  const OnnxGraph onnx = translate_to_onnx(graph, variables);
  EXPECT_THAT(op_types(onnx), ElementsAre("Add", "Identity"));
  ASSERT_EQ(onnx.initializers.size(), 1U);
  EXPECT_THAT(onnx.initializers.begin()->second.as<float>(), ElementsAre(0, 0, 2));
  const TemporaryDirectory directory;
  write_onnx(graph, variables, directory / "model.onnx");
  const std::map<std::string, Tensor> inputs{{"x", random_tensor({2, 3})}};
  expect_agreement(directory, inputs, run_graph(graph, variables, inputs));
}

TEST(TranslateToOnnx, DropsWhatChangesNothing) {
  Graph graph;
  const Value x = graph.input("x", {DType::float32, {2, 3}});
  const Value same = graph.add(Reshape({2, -1}), {x}, "same");
  const Value ordered = graph.add(Reorder(Layout::row_major({2, 3})), {same}, "order");
  graph.output("y", graph.add(Reshape({2, 3}), {graph.add(Relu(), {ordered}, "relu")}, "again"));
  graph.output("x again", x);
  OnnxGraph onnx = translate_to_onnx(graph, Variables());
  remove_identities(onnx);
  EXPECT_THAT(op_types(onnx), ElementsAre("Relu", "Identity"));  // an input under another name needs one
  const TemporaryDirectory directory;
  write_onnx(graph, Variables(), directory / "model.onnx");
  const std::map<std::string, Tensor> inputs{{"x", random_tensor({2, 3})}};
  expect_agreement(directory, inputs, run_graph(graph, Variables(), inputs));
}

TEST(TranslateToOnnx, TakesPixelsAsFloat) {
  const auto build = [](std::int64_t batch) {
    Graph graph;
    const Value image = graph.input("image", {DType::uint8, {batch, 3, 2, 2}});
    const ChannelAffine::Options options{
        .dtype = DType::float32, .axis = 1, .scale = {1 / 255.0, 0.5, 2}, .shift = {0, -1, 3}, .fill = {}};
    graph.output("scaled", graph.add(ChannelAffine(options), {image}, "preprocess"));
    return graph;
  };
  const TemporaryDirectory directory;
  const auto with_floats = [&](std::int64_t batch) { return with_float_inputs(build(batch)); };
  EXPECT_THAT(op_types(translate_to_onnx(with_floats, Variables())), ElementsAre("Mul", "Add"));
  write_onnx(with_floats, Variables(), directory / "model.onnx");
  Tensor pixels(DType::uint8, {2, 3, 2, 2});
  for (std::size_t i = 0; i < 24; ++i) pixels.as<std::uint8_t>()[i] = static_cast<std::uint8_t>(11 * i);
  expect_agreement(directory, {{"image", pixels.cast(DType::float32)}},
                   run_graph(build(2), Variables(), {{"image", pixels}}));
}

TEST(TranslateToOnnx, RefusesWhatItCannotSay) {
  const auto message = [](const std::function<Graph(std::int64_t)>& build) -> std::string {
    try {
      translate_to_onnx(build, Variables());
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_THAT(message([](std::int64_t batch) {
                Graph graph;
                const Value x = graph.input("x", {DType::float32, {batch, batch}});
                graph.output("y", graph.add(Reshape({batch, batch, 1}), {x}, "square"));
                return graph;
              }),
              HasSubstr("square: more than one dimension"));
  EXPECT_THAT(message([](std::int64_t batch) {
                Graph graph;
                Value x = graph.input("x", {DType::float32, {batch}});
                for (std::int64_t i = 0; i < batch; ++i) x = graph.add(Relu(), {x}, "relu");
                graph.output("y", x);
                return graph;
              }),
              HasSubstr("nodes depend on the batch size"));
  EXPECT_THAT(message([](std::int64_t batch) {
                Graph graph;
                graph.output("y", graph.add(Relu(), {graph.input("x", {DType::float32, {batch + 1}})}, "r"));
                return graph;
              }),
              HasSubstr("expected multiples of the batch size"));
}

}  // namespace
}  // namespace slipway::test
