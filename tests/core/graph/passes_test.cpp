#include "core/graph/passes/passes.h"

#include <gtest/gtest.h>

#include "core/graph/passes/rewriter.h"
#include "core/runtime/executor.h"
#include "layers/ops/binary.h"
#include "layers/ops/reshape.h"
#include "layers/ops/structural.h"
#include "layers/ops/unary.h"
#include "optim/accumulation.h"

namespace slipway {
namespace {

const Shape kShape{2, 4, 3, 3};
const ValueType kImage(DType::float32, kShape);
const Layout kBlocked = Layout::blocked(kShape, {0, 1, 2, 3}, {{1, 4}});

/// y = x + w, but only in blocks of four channels: stands for a convolution.
class BlockedAdd : public Op {
 public:
  std::string_view name() const override { return "blocked_add"; }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override { return {inputs[0]}; }
  void run(OpContext& context) const override {
    const TensorView& y = context.output();
    for (std::int64_t i = 0; i < y.elements(); ++i) {
      y.pointer<float>()[i] = context.input(0).pointer<float>()[i] + context.input(1).pointer<float>()[i];
    }
  }
  LayoutRule layout_rule() const override { return LayoutRule::chosen; }
  LayoutChoice choose_layouts(const Stream&, std::span<const ValueType>,
                              std::span<const ValueType>) const override {
    return {.inputs = {kBlocked, kBlocked}, .outputs = {kBlocked}};
  }
};

/// y = factor x. Two in a row become one.
class Scale : public Op {
 public:
  explicit Scale(double factor) : factor_(factor) {}
  std::string_view name() const override { return "scale"; }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override { return {inputs[0]}; }
  void run(OpContext& context) const override {
    for (std::int64_t i = 0; i < context.output().elements(); ++i) {
      context.output().pointer<float>()[i] =
          static_cast<float>(factor_) * context.input(0).pointer<float>()[i];
    }
  }
  OpPtr fuse_consumer(int, const Op& consumer, int) const override {
    const auto* next = dynamic_cast<const Scale*>(&consumer);
    return next ? std::make_shared<Scale>(factor_ * next->factor_) : nullptr;
  }

 private:
  double factor_;
};

int count(const Graph& graph, const std::string& name) {
  int found = 0;
  for (const Node& node : graph.nodes()) found += node.op && node.op->name() == name;
  return found;
}

Value unary(Graph& graph, UnaryFunction function, Value x) { return graph.add(Unary(function), {x}); }

VariableSpec weight(const std::string& name, const Shape& shape = kShape) {
  return {.name = name, .shape = shape, .initialize = [](const TensorView& view) {
            float next = 0;
            for (float& value : view.as<float>()) value = next += 1;
          }};
}

TEST(DeadNodes, GoAndInputsStay) {
  Graph graph;
  const Value x = graph.input("x", kImage);
  graph.input("unused", kImage);
  graph.variable(weight("unused_weight"));
  const Value used = unary(graph, UnaryFunction::abs, x);
  unary(graph, UnaryFunction::exp, unary(graph, UnaryFunction::tanh, used));
  graph.output("y", used);
  const Graph lean = eliminate_dead_nodes(graph);
  EXPECT_EQ(lean.nodes().size(), 3u);
  EXPECT_TRUE(lean.find("unused"));
  EXPECT_FALSE(lean.find("unused_weight"));
  EXPECT_EQ(lean.node(lean.outputs().at("y").node).op->name(), "abs");
}

TEST(GraphRewriter, NamesAValueThatWasDropped) {
  Graph graph;
  const Value x = graph.input("x", kImage);
  unary(graph, UnaryFunction::abs, x);
  GraphRewriter rewrite(graph);
  EXPECT_THROW(rewrite.copy(1), Error);
  rewrite.copy(0);
  EXPECT_EQ(rewrite.copy(1), 1);
  EXPECT_TRUE(rewrite.has({1, 0}));
}

TEST(GraphRewriter, CountsUses) {
  Graph graph;
  const Value x = graph.input("x", kImage);
  const Value twice = graph.add(Binary(BinaryFunction::add), {x, x});
  graph.output("y", twice);
  EXPECT_EQ(count_uses(graph), (std::vector<std::vector<int>>{{2}, {1}}));
}

TEST(Graph, NamesWhatIsWrong) {
  Graph graph;
  const Value x = graph.input("x", kImage);
  EXPECT_THROW(graph.input("x", kImage), Error);
  EXPECT_THROW(graph.add(Unary(UnaryFunction::exp), {Value{}}), Error);
  graph.set_position({std::make_shared<std::string>("model.yaml"), 3, 7});
  try {
    graph.add(Reshape({5}), {x}, "flatten");
    FAIL();
  } catch (const UserError& error) {
    EXPECT_STREQ(error.what(),
                 "model.yaml:3:7: reshape 'flatten': cannot arrange float32[2, 4, 3, 3] as [5]");
  }
  const Value w = graph.variable(weight("w"));
  EXPECT_THROW(graph.update(w, unary(graph, UnaryFunction::abs, w)), Error);  // not in place
  EXPECT_THROW(graph.update(x, unary(graph, UnaryFunction::abs, x)), Error);  // not a variable
}

TEST(Layouts, FollowTheOpThatChooses) {
  Graph graph;
  const Value x = graph.input("x", kImage);
  const Value w = graph.variable(weight("w")), v = graph.variable(weight("v"));
  Value y = graph.add(BlockedAdd(), {x, w});
  y = unary(graph, UnaryFunction::abs, y);
  y = graph.add(BlockedAdd(), {y, v});
  graph.output("blocked", y);
  graph.output("flat", graph.add(Reshape({-1}), {y}));
  graph.output("row", unary(graph, UnaryFunction::neg, x));
  const Graph laid_out = assign_layouts(graph, {}, structural_ops(), nullptr);
  EXPECT_EQ(count(laid_out, "reorder"), 2);  // of the input, and before the reshape
  EXPECT_EQ(laid_out.type(laid_out.find("w")).layout, kBlocked);
  EXPECT_EQ(laid_out.type(laid_out.outputs().at("blocked")).layout, kBlocked);
  EXPECT_TRUE(laid_out.type(laid_out.outputs().at("row")).is_row_major());

  Variables variables;
  variables.allocate(laid_out);
  Executor executor(laid_out, {}, variables);
  const Tensor input = Tensor::full(DType::float32, kShape, -1);
  executor.bind("x", input);
  executor.run();
  for (std::int64_t i = 0; i < kShape.elements(); ++i) {  // |-1 + (i + 1)| + (i + 1)
    EXPECT_EQ(executor.output("flat").as<float>()[static_cast<std::size_t>(i)],
              static_cast<float>(2 * i + 1));
  }
}

TEST(Layouts, AValueIsReorderedOnceForAllReaders) {
  Graph graph;
  const Value x = graph.input("x", kImage), w = graph.variable(weight("w"));
  graph.output("a", graph.add(BlockedAdd(), {x, w}));
  graph.output("b", graph.add(BlockedAdd(), {x, w}));
  EXPECT_EQ(count(assign_layouts(graph, {}, structural_ops(), nullptr), "reorder"), 1);
}

TEST(Layouts, AVariableThatHasAPlaceKeepsIt) {
  Graph graph;
  const Value x = graph.input("x", kImage), w = graph.variable(weight("w"));
  graph.output("y", graph.add(BlockedAdd(), {x, w}));
  const Graph laid_out = assign_layouts(graph, {}, structural_ops(), [](const std::string& name) {
    return name == "w" ? std::optional(Layout::row_major(kShape)) : std::nullopt;
  });
  EXPECT_TRUE(laid_out.type(laid_out.find("w")).is_row_major());
  EXPECT_EQ(count(laid_out, "reorder"), 2);
}

TEST(Fusion, MergesAChain) {
  Graph graph;
  Value y = graph.input("x", {DType::float32, {3}});
  for (const double factor : {2.0, 3.0, 5.0}) y = graph.add(Scale(factor), {y});
  graph.output("y", y);
  const Graph fused = fuse(graph);
  EXPECT_EQ(count(fused, "scale"), 1);
  Executor executor(fused, {}, Variables());
  const Tensor x = Tensor::of<float>({3}, {1, 2, -1});
  executor.bind("x", x);
  executor.run();
  const auto result = executor.output("y").as<float>();
  EXPECT_EQ(std::vector<float>(result.begin(), result.end()), (std::vector<float>{30, 60, -30}));
}

TEST(Fusion, LeavesAValueThatOthersReadAlone) {
  Graph graph;
  const Value x = graph.input("x", {DType::float32, {3}});
  const Value first = graph.add(Scale(2), {x}), second = graph.add(Scale(3), {first});
  graph.output("first", first);
  graph.output("second", second);
  EXPECT_EQ(count(fuse(graph), "scale"), 2);
}

/// x, on its way: stands for an exchange.
class Start : public Op {
 public:
  std::string_view name() const override { return "start"; }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override { return {inputs[0]}; }
  void run(OpContext& context) const override { copy_elements(context.input(0), context.output()); }
  bool starts_early() const override { return true; }
};

std::vector<std::string> op_names(const Graph& graph) {
  std::vector<std::string> names;
  for (const Node& node : graph.nodes()) {
    if (node.op) names.emplace_back(node.op->name());
  }
  return names;
}

TEST(StartEarly, MovesStartsAndWhatLeadsToThem) {
  Graph graph;
  const Value x = graph.input("x", kImage);
  const Value first = unary(graph, UnaryFunction::tanh, x), second = unary(graph, UnaryFunction::exp, first);
  const Value kept = unary(graph, UnaryFunction::abs, second);
  const Value one = graph.add(Start(), {unary(graph, UnaryFunction::sigmoid, first)});
  const Value two = graph.add(Start(), {unary(graph, UnaryFunction::neg, second)});
  graph.output("y", graph.add(Binary(BinaryFunction::add),
                              {kept, graph.add(Binary(BinaryFunction::add), {one, two})}));
  EXPECT_EQ(op_names(start_early(graph)), (std::vector<std::string>{"tanh", "sigmoid", "start", "exp", "neg",
                                                                    "start", "abs", "add", "add"}));
}

TEST(StartEarly, KeepsUpdatesOfAVariableBehindItsReaders) {
  Graph graph;
  const Value x = graph.input("x", kImage), variable = graph.variable(weight("w"));
  const Value before = unary(graph, UnaryFunction::exp, unary(graph, UnaryFunction::tanh, variable));
  const Value after = accumulate(graph, variable, x);
  graph.output("y", graph.add(Binary(BinaryFunction::add), {before, graph.add(Start(), {after})}));
  EXPECT_EQ(op_names(start_early(graph)),
            (std::vector<std::string>{"tanh", "accumulate", "start", "exp", "add"}));
}

/// The sum of all parts' x; of one part it is x.
class SumOfParts : public Start {
 public:
  std::string_view name() const override { return "sum_of_parts"; }
  bool joins_parts() const override { return true; }
};

TEST(JoinParts, ShareWhatIsTheSameAndMeetInWhatJoinsThem) {
  std::vector<Graph> parts(2);
  for (Graph& graph : parts) {
    const Value x = graph.input("x", kImage), w = graph.variable(weight("w"));
    const Value scaled =
        graph.add(Binary(BinaryFunction::multiply), {x, unary(graph, UnaryFunction::abs, w)});
    const Value sum = graph.add(SumOfParts(), {unary(graph, UnaryFunction::tanh, scaled)});
    graph.output("sum", unary(graph, UnaryFunction::exp, sum));
    graph.output("own", graph.add(Binary(BinaryFunction::add), {scaled, sum}));
  }
  const Graph joined = join_parts(parts);
  EXPECT_EQ(op_names(joined), (std::vector<std::string>{"abs", "multiply", "multiply", "tanh", "tanh",
                                                        "sum_of_parts", "exp", "add", "add"}));
  EXPECT_TRUE(joined.find("x"));
  EXPECT_TRUE(joined.find(part_name("x", 1)));
  EXPECT_EQ(joined.outputs().at("sum"), joined.outputs().at("sum#1"));
  EXPECT_NE(joined.outputs().at("own"), joined.outputs().at("own#1"));
  for (const Node& node : joined.nodes()) {
    if (node.op && node.op->name() == "sum_of_parts") {
      EXPECT_EQ(node.inputs.size(), 2u);
    }
  }
  parts[1].output("more", unary(parts[1], UnaryFunction::exp, parts[1].find("x")));
  EXPECT_THROW(join_parts(parts), Error);
}

}  // namespace
}  // namespace slipway
