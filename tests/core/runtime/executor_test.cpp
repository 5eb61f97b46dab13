#include "core/runtime/executor.h"

#include <gtest/gtest.h>

#include <array>

#include "core/comm/communicator.h"
#include "core/graph/autograd.h"
#include "core/graph/passes/passes.h"
#include "core/runtime/kernel_slot.h"
#include "layers/ops/binary.h"
#include "layers/ops/concat.h"
#include "layers/ops/reduce.h"
#include "layers/ops/relu.h"
#include "layers/ops/reshape.h"
#include "layers/ops/structural.h"
#include "layers/ops/transpose.h"
#include "layers/ops/unary.h"
#include "tests/support/allocations.h"

namespace slipway {
namespace {

const ValueType kPair(DType::float32, {2});

std::vector<float> values(const TensorView& view) {
  return {view.as<float>().begin(), view.as<float>().end()};
}

/// variable += input
class Increment : public Op {
 public:
  std::string_view name() const override { return "increment"; }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override { return {inputs[0]}; }
  void run(OpContext& context) const override {
    for (std::int64_t i = 0; i < context.output().elements(); ++i) {
      context.output().pointer<float>()[i] += context.input(1).pointer<float>()[i];
    }
  }
  std::vector<InPlace> in_place() const override {
    return {{.output = 0, .input = 0, .rule = InPlace::Rule::required}};
  }
};

template <class Failure>
class Fails : public Op {
 public:
  std::string_view name() const override { return "fails"; }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override { return {inputs[0]}; }
  void run(OpContext&) const override { throw Failure("no luck"); }
};

std::string message(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing was thrown";
}

TEST(Executor, ReadsInputsWhereTheyAreBound) {
  Graph graph;
  const Value x = graph.input("x", kPair);
  graph.output("y", graph.add(Unary(UnaryFunction::neg), {x}));
  graph.output("view", graph.add(Reshape({2, 1}), {x}));
  graph.output("x", x);
  Executor executor(graph, {}, Variables());
  EXPECT_EQ(message([&] { executor.run(); }), "input 'x' has not been bound");
  const Tensor first = Tensor::of<float>({2}, {1, 2}), second = Tensor::of<float>({2}, {3, 4});
  for (const Tensor& input : {first, second, first}) {
    executor.bind("x", input);
    executor.run();
    EXPECT_EQ(executor.output("y").as<float>()[1], -input.as<float>()[1]);
    EXPECT_EQ(values(executor.output("view")), values(input));
    EXPECT_EQ(values(executor.output("x")), values(input));
  }
  EXPECT_EQ(values(first), (std::vector<float>{1, 2}));
}

TEST(Executor, NamesWhatDoesNotFit) {
  Graph graph;
  const Value x = graph.input("x", kPair);
  graph.output("y", graph.add(Fails<Error>(), {x}, "layer3"));
  Executor executor(graph, {}, Variables());
  const Tensor wrong = Tensor::zeros(DType::float64, {2}), right = Tensor::zeros(DType::float32, {2});
  EXPECT_EQ(message([&] { executor.bind("x", wrong); }), "input 'x' is float32[2], got float64[2]");
  EXPECT_EQ(message([&] { executor.bind("z", right); }), "there is no input 'z'");
  EXPECT_EQ(message([&] { executor.output("z"); }), "there is no output 'z'");
  executor.bind("x", right);
  EXPECT_EQ(message([&] { executor.run(); }), "fails 'layer3': no luck");
}

/// The kind of error that a failure of an op has become.
template <class Failure>
std::string kind_of_failure() {
  Graph graph;
  graph.output("y", graph.add(Fails<Failure>(), {graph.input("x", kPair)}, "layer3"));
  Executor executor(graph, {}, Variables());
  const Tensor x = Tensor::zeros(DType::float32, {2});
  executor.bind("x", x);
  try {
    executor.run();
  } catch (const Failure& failure) {
    return failure.what();
  } catch (const std::exception& failure) {
    return text("of another kind: ", failure.what());
  }
  return "nothing was thrown";
}

TEST(Executor, FailuresKeepTheirKind) {
  EXPECT_EQ(kind_of_failure<MissingKernel>(), "fails 'layer3': no luck");
  EXPECT_EQ(kind_of_failure<CommunicationError>(), "fails 'layer3': no luck");
}

TEST(Executor, UpdatesVariablesInPlace) {
  Graph graph;
  const Value x = graph.input("x", kPair);
  const Value w = graph.variable({.name = "w", .shape = {2}, .initialize = [](const TensorView& view) {
                                    view.as<float>()[0] = 10;
                                    view.as<float>()[1] = 20;
                                  }});
  graph.output("before", graph.add(Unary(UnaryFunction::neg), {w}));
  graph.update(w, graph.add(Increment(), {w, x}));
  Variables variables;
  variables.allocate(graph);
  Executor executor(eliminate_dead_nodes(graph), {}, variables);
  const Tensor input = Tensor::of<float>({2}, {1, 2});
  executor.bind("x", input);
  executor.run();
  executor.run();
  EXPECT_EQ(values(variables.read("w")), (std::vector<float>{12, 24}));
  EXPECT_EQ(values(executor.output("before")), (std::vector<float>{-11, -22}));
}

TEST(Executor, RefusesVariablesOfAnotherType) {
  Graph graph;
  const Value w = graph.variable({.name = "w", .shape = {2}});
  graph.output("y", graph.add(Unary(UnaryFunction::neg), {w}));
  EXPECT_EQ(message([&] { Executor(graph, {}, Variables()); }), "there is no variable 'w'");
  Graph other;
  other.variable({.name = "w", .shape = {3}});
  Variables variables;
  variables.allocate(other);
  EXPECT_EQ(message([&] { Executor(graph, {}, variables); }),
            "variable 'w' is float32[3], but the graph expects float32[2]");
  EXPECT_THROW(variables.allocate(graph), Error);
}

TEST(Executor, SharesAWorkspaceThatIsLargeEnough) {
  Graph graph;
  const Value x = graph.input("x", {DType::float32, {1000}});
  graph.output("y", graph.add(Unary(UnaryFunction::neg), {x}));
  const Executor first(graph, {}, Variables()),
      second(graph, {}, Variables(), {.workspace = first.workspace()});
  EXPECT_EQ(first.workspace().data(), second.workspace().data());
  const Executor third(graph, {}, Variables(), {.workspace = Buffer({}, 16)});
  EXPECT_GE(third.workspace().bytes(), 4000u);
}

TEST(Executor, ShowsEveryStep) {
  Graph graph;
  const Value x = graph.input("x", kPair);
  graph.output("y", graph.add(Relu(), {graph.add(Unary(UnaryFunction::neg), {x})}));
  Executor executor(graph, {}, Variables());
  const Tensor input = Tensor::of<float>({2}, {1, -2});
  executor.bind("x", input);
  std::vector<std::pair<int, float>> seen;
  executor.run(
      [&](int node, const OpContext& context) { seen.emplace_back(node, context.output().as<float>()[1]); });
  EXPECT_EQ(seen, (std::vector<std::pair<int, float>>{{1, 2.0f}, {2, 2.0f}}));
}

TEST(Executor, AllocatesNothingInsideAStep) {
  Graph graph;
  const Value x = graph.input("x", {DType::float32, {2, 3, 8, 8}});
  const Value w = graph.variable({.name = "w", .shape = {3, 1, 1}});
  Value y = graph.add(Binary(BinaryFunction::multiply), {x, w});
  y = graph.add(Concat(1), {y, graph.add(Unary(UnaryFunction::gelu), {y})});
  y = graph.add(Transpose({0, 2, 3, 1}), {graph.add(Relu(), {y})});
  const Value loss = graph.add(Reduce::all(ReduceFunction::mean, 4), {y});
  const auto gradient = gradients(graph, loss, std::array{w}, structural_ops());
  graph.output("loss", loss);
  graph.output("gradient", gradient[0]);
  Variables variables;
  variables.allocate(graph);
  Executor executor(assign_layouts(eliminate_dead_nodes(graph), {}, structural_ops(), nullptr),
                    {.threads = 2}, variables);
  const Tensor input = Tensor::full(DType::float32, {2, 3, 8, 8}, 0.5);
  executor.bind("x", input);
  executor.run();
  const std::int64_t before = test::allocations();
  executor.run();
  EXPECT_EQ(test::allocations() - before, 0);
  EXPECT_GT(before, 0);
}

}  // namespace
}  // namespace slipway
