#include "core/graph/passes/recompute.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>

#include "core/base/random.h"
#include "core/graph/autograd.h"
#include "core/graph/passes/passes.h"
#include "core/graph/passes/segments.h"
#include "core/runtime/executor.h"
#include "core/runtime/step_state.h"
#include "layers/ops/binary.h"
#include "layers/ops/reduce.h"
#include "layers/ops/structural.h"
#include "tests/support/layer_models.h"

namespace slipway::test {
namespace {

using Keep = RecomputeOptions::Keep;

std::size_t planned_bytes(const Graph& graph) {
  const std::vector<std::size_t> no_scratch(graph.nodes().size(), 0);
  return plan_memory(graph, no_scratch, MemoryReuse::shared).arena_bytes;
}

Graph recomputed(const Graph& graph, Keep keep) {
  return recompute(graph, {.keep = keep, .loss = graph.outputs().at("loss"), .memory = planned_bytes});
}

bool is_copy(const Node& node) { return node.name.ends_with(".again"); }

int count_copies(const Graph& graph) {
  return static_cast<int>(std::count_if(graph.nodes().begin(), graph.nodes().end(), is_copy));
}

/// Forward and backward pass of layers upon [31, 7], with the mean of the output's squares for a loss.
Graph training_graph(const std::string& layers) {
  LayerGraph model(parse_layers(layers), {DType::float32, {31, 7}});
  Graph& graph = model.graph;
  const Value squares = graph.add(Binary(BinaryFunction::multiply), {model.output, model.output});
  const Value loss =
      graph.add(Reduce::all(ReduceFunction::mean, graph.type(squares).shape.rank()), {squares});
  graph.output("loss", loss);
  const std::vector<Value> trained = model.trainable();
  const std::vector<Value> gradient = gradients(graph, loss, trained, structural_ops());
  for (std::size_t i = 0; i < trained.size(); ++i)
    graph.output("gradient:" + graph.node(trained[i].node).name, gradient[i]);
  return assign_layouts(fuse(eliminate_dead_nodes(graph)), {}, structural_ops(), nullptr);
}

/// Every output and every variable, as bytes, after two steps.
std::map<std::string, std::vector<std::byte>> run_twice(const Graph& graph) {
  Variables variables;
  variables.allocate(graph);
  Executor executor(graph, {}, variables);
  const Tensor input(DType::float32, {31, 7});
  RandomSequence random({.key = 5});
  for (float& value : input.as<float>()) value = static_cast<float>(random.normal());
  executor.bind("input", input);
  for (std::int64_t step = 0; step < 2; ++step) {
    StepState::set_step(variables, step);
    executor.run();
  }
  std::map<std::string, std::vector<std::byte>> results;
  const auto keep = [&](const std::string& name, const Tensor& value) {
    results[name] = {value.view().data, value.view().data + value.type().bytes()};
  };
  for (const auto& [name, value] : graph.outputs()) keep("output " + name, executor.read(name));
  for (const std::string& name : variables.names()) keep("variable " + name, variables.read(name));
  return results;
}

constexpr const char* kDeep =
    "[repeat: {times: 8, layers: [linear: 13, batch_norm, relu, dropout: 0.3, linear: 7, tanh, layer_norm]}]";

TEST(Recompute, ComputesTheSameBits) {
  const Graph graph = training_graph(kDeep);
  const auto expected = run_twice(graph);
  for (const Keep keep : {Keep::block_boundaries, Keep::segment_boundaries}) {
    const Graph again = recomputed(graph, keep);
    EXPECT_GT(count_copies(again), 0);
    EXPECT_EQ(run_twice(again), expected);  // masks of dropout and running statistics, too
  }
}

TEST(Recompute, TakesLessMemory) {
  const Graph graph = training_graph(kDeep);
  const Graph blocks = recomputed(graph, Keep::block_boundaries),
              all = recomputed(graph, Keep::segment_boundaries);
  EXPECT_LT(planned_bytes(blocks), planned_bytes(graph) / 2);
  EXPECT_LE(planned_bytes(all), planned_bytes(blocks));
}

TEST(Recompute, RunsEachForwardOpAtMostTwice) {
  const Graph graph = training_graph(kDeep);
  for (const Keep keep : {Keep::block_boundaries, Keep::segment_boundaries}) {
    const Graph again = recomputed(graph, keep);
    std::map<std::string, int> originals, copies;
    for (const Node& node : again.nodes()) {
      if (node.kind != NodeKind::op) continue;
      std::string name = node.name;
      if (is_copy(node)) name.resize(name.size() - std::string_view(".again").size());
      ++(is_copy(node) ? copies : originals)[name];
    }
    for (const auto& [name, number] : copies) EXPECT_LE(number, originals[name]) << name;
  }
}

TEST(Recompute, ComputesOneBlockAtATime) {
  const Graph again = recomputed(training_graph(kDeep), Keep::block_boundaries);
  std::vector<std::string> order;  // of blocks computed again
  std::map<std::string, int> last_reader;
  for (int i = 0; i < static_cast<int>(again.nodes().size()); ++i) {
    for (const Value input : again.node(i).inputs) {
      const Node& read = again.node(input.node);
      if (is_copy(read)) last_reader[read.block] = i;
    }
    const Node& node = again.node(i);
    if (is_copy(node) && (order.empty() || order.back() != node.block)) {
      const int done = order.empty() ? i : last_reader[order.back()];
      EXPECT_LE(done, i) << node.block;
      order.push_back(node.block);
    }
  }
  ASSERT_GE(order.size(), 6u);
  for (std::size_t i = 1; i < order.size(); ++i) EXPECT_GT(order[i - 1], order[i]);  // "repeat_1.8" first
}

TEST(Recompute, LeavesTheGraphAloneWhereMemoryGainsNothing) {
  const Graph shallow = training_graph("[linear: 7]"), deep = training_graph(kDeep);
  EXPECT_EQ(count_copies(recomputed(shallow, Keep::block_boundaries)), 0);
  EXPECT_EQ(count_copies(recomputed(shallow, Keep::segment_boundaries)), 0);
  EXPECT_EQ(recomputed(deep, Keep::everything).nodes().size(), deep.nodes().size());
}

TEST(Recompute, PlainLayersBetweenBlocksArePartsAndRepetitionsSplitTheBlockAround) {
  const Graph graph = training_graph(
      "[linear: 7, sequence: [linear: 7, residual: [linear: 7], repeat: {times: 2, layers: [linear: 7]}]]");
  std::vector<std::string> blocks;
  for (const Node& node : graph.nodes()) {
    if (node.op && node.op->name() == "linear") blocks.push_back(node.block);
  }
  EXPECT_EQ(blocks, (std::vector<std::string>{"", "sequence_1", "sequence_1", "sequence_1.repeat_1.1",
                                              "sequence_1.repeat_1.2"}));
}

/// (x, counter) -> x, counter + 1: an op that must run once a step.
class Counted : public Op {
 public:
  std::string_view name() const override { return "counted"; }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    return {inputs[0], inputs[1]};
  }
  void run(OpContext& context) const override {
    std::memcpy(context.output(0).data, context.input(0).data, context.input(0).type.bytes());
    *context.output(1).pointer<float>() += 1;
  }
  std::vector<Value> vjp(VjpContext& context) const override { return {context.gradient(0), {}}; }
  std::vector<InPlace> in_place() const override {
    return {{.output = 1, .input = 1, .rule = InPlace::Rule::required}};
  }
};

TEST(Recompute, KeepsTheValuesOfOpsThatUpdateVariables) {
  Graph graph;
  const Value counter = graph.variable({.name = "counter", .shape = {}});
  Value x = graph.input("input", {DType::float32, {31, 7}});
  for (int i = 0; i < 6; ++i) {
    const std::vector<Value> results = graph.add_all(Counted(), {x, counter}, "counted");
    graph.update(counter, results[1]);
    x = graph.add(Binary(BinaryFunction::multiply), {results[0], results[0]});
  }
  graph.output("loss", graph.add(Reduce::all(ReduceFunction::mean, 2), {x}));
  const Value input = graph.find("input");
  graph.output("gradient",
               gradients(graph, graph.outputs().at("loss"), std::array{input}, structural_ops())[0]);
  const Graph again = recomputed(graph, Keep::segment_boundaries);
  EXPECT_EQ(std::count_if(again.nodes().begin(), again.nodes().end(),
                          [](const Node& node) { return node.op && node.op->name() == "counted"; }),
            6);
  EXPECT_EQ(run_twice(again), run_twice(graph));
}

/// An op of any inputs, whose output takes that many bytes.
class Bytes : public Op {
 public:
  explicit Bytes(std::int64_t count) : count_(count) {}
  std::string_view name() const override { return "bytes"; }
  std::vector<ValueType> infer(std::span<const ValueType>) const override {
    return {ValueType(DType::uint8, {count_})};
  }
  void run(OpContext&) const override {}

 private:
  std::int64_t count_;
};

/// Ops that read up to three earlier values, and a backward pass that reads some of them.
Graph random_graph(std::uint64_t seed, int ops) {
  RandomSequence random({.key = seed});
  Graph graph;
  std::vector<Value> values = {graph.input("input", {DType::uint8, {3}})};
  for (int i = 0; i < ops; ++i) {
    std::vector<Value> inputs{values.back()};
    while (random.below(3) == 0) inputs.push_back(values[random.below(values.size())]);
    values.push_back(graph.add(Bytes(static_cast<std::int64_t>(random.below(40))), inputs));
  }
  graph.output("loss", values.back());
  Value gradient = values.back();
  for (std::size_t i = values.size() - 1; i-- > 0;)
    gradient =
        graph.add(Bytes(1), random.below(3) ? std::vector{gradient, values[i]} : std::vector{gradient});
  graph.output("gradient", gradient);
  return graph;
}

/// The memory that smallest_segments minimises, for any cuts, from the definition.
std::size_t memory_with(const Graph& graph, const Segments& starts, int ops) {
  const int loss = graph.outputs().at("loss").node;
  const auto segment = [&](int node) {  // node 0 is the input, op i is node i + 1
    return std::upper_bound(starts.begin(), starts.end(), node - 1) - starts.begin();
  };
  std::size_t most = 0;
  for (std::ptrdiff_t current = 1; current <= static_cast<std::ptrdiff_t>(starts.size()); ++current) {
    std::size_t bytes = 0;
    for (int node = 1; node < ops; ++node) {  // but for the loss, which stays
      bool goes_out = false, is_read = false;
      for (int reader = node + 1; reader < static_cast<int>(graph.nodes().size()); ++reader) {
        const std::vector<Value>& inputs = graph.node(reader).inputs;
        if (std::find(inputs.begin(), inputs.end(), Value{node, 0}) == inputs.end()) continue;
        if (reader > loss)
          is_read = true;
        else if (segment(reader) > segment(node))
          goes_out = true;
      }
      if (goes_out ? segment(node) <= current : is_read && segment(node) == current)
        bytes += graph.type({node, 0}).bytes();
    }
    most = std::max(most, bytes);
  }
  return most;
}

TEST(Segments, TakeAsLittleMemoryAsAnyOthers) {
  constexpr int kOps = 10;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const Graph graph = random_graph(seed, kOps);
    std::size_t least = std::numeric_limits<std::size_t>::max();
    for (unsigned cuts = 0; cuts < 1u << (kOps - 1); ++cuts) {
      Segments starts{0};
      for (int i = 1; i < kOps; ++i) {
        if (cuts >> (i - 1) & 1) starts.push_back(i);
      }
      least = std::min(least, memory_with(graph, starts, kOps));
    }
    const ForwardPart forward(graph, graph.outputs().at("loss"));
    EXPECT_EQ(memory_with(graph, smallest_segments(forward), kOps), least) << "seed " << seed << '\n'
                                                                           << graph;
  }
}

// With n values of one size and k segments, k - 1 go out and n / k are inside: about 2 √n, less as later
// segments may be shorter.
TEST(Segments, GrowWithTheRootOfTheDepth) {
  for (const int ops : {25, 100, 400}) {
    Graph graph;
    Value value = graph.input("input", {DType::uint8, {1}});
    std::vector<Value> values;
    for (int i = 0; i < ops; ++i) values.push_back(value = graph.add(Bytes(1), {value}));
    graph.output("loss", value);
    for (std::size_t i = values.size(); i-- > 0;) value = graph.add(Bytes(1), {value, values[i]});
    graph.output("gradient", value);
    const ForwardPart forward(graph, graph.outputs().at("loss"));
    EXPECT_LE(memory_with(graph, smallest_segments(forward), ops), 2 * std::sqrt(ops)) << ops;
  }
}

}  // namespace
}  // namespace slipway::test
