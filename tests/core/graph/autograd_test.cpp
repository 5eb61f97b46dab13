#include "core/graph/autograd.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "core/graph/gradient_check.h"
#include "core/graph/passes/passes.h"
#include "core/runtime/executor.h"
#include "layers/ops/binary.h"
#include "layers/ops/reduce.h"
#include "layers/ops/relu.h"
#include "layers/ops/split_axis.h"
#include "layers/ops/structural.h"
#include "layers/ops/unary.h"

namespace slipway {
namespace {

const ValueType kVector(DType::float64, {3});

Value apply(Graph& graph, BinaryFunction function, Value a, Value b) {
  return graph.add(Binary(function), {a, b});
}
Value sum(Graph& graph, Value x) {
  return graph.add(Reduce::all(ReduceFunction::sum, graph.type(x).shape.rank()), {x});
}

std::vector<double> run(Graph graph, const std::map<std::string, Tensor>& inputs, Value result) {
  graph.output("result", result);
  Executor executor(std::move(graph), {}, Variables());
  for (const auto& [name, tensor] : inputs) executor.bind(name, tensor);
  executor.run();
  const auto values = executor.output("result").as<double>();
  return {values.begin(), values.end()};
}

// f = sum(x y + x);  df/dx = y + 1, df/dy = x
TEST(Gradients, AddUpOverAllUses) {
  Graph graph;
  const Value x = graph.input("x", kVector), y = graph.input("y", kVector);
  const Value product = apply(graph, BinaryFunction::multiply, x, y);
  const Value loss = sum(graph, apply(graph, BinaryFunction::add, product, x));
  const auto gradient = gradients(graph, loss, std::array{x, y}, structural_ops());
  const std::map<std::string, Tensor> inputs = {{"x", Tensor::of<double>({3}, {1, 2, 3})},
                                                {"y", Tensor::of<double>({3}, {4, 5, 6})}};
  EXPECT_EQ(run(graph, inputs, gradient[0]), (std::vector<double>{5, 6, 7}));
  EXPECT_EQ(run(graph, inputs, gradient[1]), (std::vector<double>{1, 2, 3}));
}

TEST(Gradients, AreNoneWhereTheLossDoesNotDepend) {
  Graph graph;
  const Value x = graph.input("x", kVector), unused = graph.input("unused", kVector);
  const Value loss = sum(graph, x);
  const Value later = graph.add(Relu(), {x});
  const auto gradient = gradients(graph, loss, std::array{unused, later, x}, structural_ops());
  EXPECT_FALSE(gradient[0]);
  EXPECT_FALSE(gradient[1]);
  EXPECT_TRUE(gradient[2]);
}

TEST(Gradients, ReachIntermediateValuesAndTheLossItself) {
  Graph graph;
  const Value x = graph.input("x", kVector);
  const Value square = graph.add(Unary(UnaryFunction::square), {x});
  const Value loss = sum(graph, graph.add(Unary(UnaryFunction::neg), {square}));
  const auto gradient = gradients(graph, loss, std::array{square, loss}, structural_ops());
  const std::map<std::string, Tensor> inputs = {{"x", Tensor::of<double>({3}, {1, 2, 3})}};
  EXPECT_EQ(run(graph, inputs, gradient[0]), (std::vector<double>{-1, -1, -1}));
  EXPECT_EQ(run(graph, inputs, gradient[1]), (std::vector<double>{1}));
}

// Only one of two parts is used: the other's gradient counts as zero.
TEST(Gradients, PassThroughOpsOfSeveralOutputs) {
  Graph graph;
  const Value x = graph.input("x", kVector);
  const auto parts = graph.add_all(SplitAxis(0, {1, 2}), {x});
  const Value loss = sum(graph, graph.add(Unary(UnaryFunction::square), {parts[1]}));
  const auto gradient = gradients(graph, loss, std::array{x}, structural_ops());
  EXPECT_EQ(run(graph, {{"x", Tensor::of<double>({3}, {1, 2, 3})}}, gradient[0]),
            (std::vector<double>{0, 4, 6}));
}

TEST(Gradients, NeedAScalarAndADerivative) {
  Graph graph;
  const Value x = graph.input("x", kVector);
  EXPECT_THROW(gradients(graph, x, std::array{x}, structural_ops()), Error);
  const auto gradient = gradients(graph, sum(graph, graph.add(Relu(), {x})), std::array{x}, structural_ops());
  // The gradient of relu is an op without a gradient of its own.
  EXPECT_THROW(gradients(graph, sum(graph, gradient[0]), std::array{x}, structural_ops()), Error);
}

/// y = x² whose gradient leaves the factor 2 out.
class WrongSquare : public Op {
 public:
  std::string_view name() const override { return "wrong_square"; }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override { return {inputs[0]}; }
  void run(OpContext& context) const override {
    for (std::size_t i = 0; i < context.input(0).as<double>().size(); ++i) {
      const double x = context.input(0).as<double>()[i];
      context.output().as<double>()[i] = x * x;
    }
  }
  std::vector<Value> vjp(VjpContext& context) const override {
    return {context.add(Binary(BinaryFunction::multiply), {context.gradient(), context.input(0)})};
  }
};

std::vector<GradientError> check(const OpPtr& op, const Tensor& x) {
  Graph graph;
  const Value input = graph.input("x", x.type());
  const Value loss = sum(graph, graph.add(op, {input}));
  return check_gradients({.graph = graph, .loss = loss, .variables = Variables(), .inputs = {{"x", x}}},
                         std::array{input}, structural_ops());
}

TEST(GradientCheck, PassesARightGradient) {
  const auto errors =
      check(std::make_shared<Unary>(UnaryFunction::tanh), Tensor::of<double>({3}, {-1, 0.3, 2}));
  EXPECT_EQ(errors[0].name, "x");
  EXPECT_EQ(errors[0].checked, 3);
  EXPECT_EQ(errors[0].skipped, 0);
  EXPECT_LE(errors[0].worst, 1e-9);
}

TEST(GradientCheck, FindsAWrongGradient) {
  const auto errors = check(std::make_shared<WrongSquare>(), Tensor::of<double>({3}, {0, 1, 3}));
  EXPECT_NEAR(errors[0].worst, 0.5, 1e-6);
  EXPECT_NEAR(errors[0].numeric, 2 * errors[0].analytic, 1e-6);
}

TEST(GradientCheck, SkipsKinks) {
  for (const double kink : {0.0, 1e-5, -1e-5, 2e-5}) {
    const auto errors = check(std::make_shared<Relu>(), Tensor::of<double>({3}, {-1, kink, 2}));
    EXPECT_EQ(errors[0].checked, 2) << kink;
    EXPECT_EQ(errors[0].skipped, 1) << kink;
    EXPECT_LE(errors[0].worst, 1e-9) << kink;
  }
}

TEST(GradientCheck, DrawsSomeElementsOfManyAndRestoresVariables) {
  Graph graph;
  const Value w = graph.variable(
      {.name = "w", .dtype = DType::float64, .shape = {500}, .initialize = [](const TensorView& view) {
         double next = 0;
         for (double& value : view.as<double>()) value = std::sin(next += 1);
       }});
  Variables variables;
  variables.allocate(graph);
  const Tensor before = variables.read("w");
  const Value loss = sum(graph, graph.add(Unary(UnaryFunction::exp), {w}));
  const auto errors = check_gradients({.graph = graph, .loss = loss, .variables = variables, .inputs = {}},
                                      std::array{w}, structural_ops(), {.elements = 20});
  EXPECT_EQ(errors[0].checked, 20);
  EXPECT_LE(errors[0].worst, 1e-7);
  for (std::int64_t i = 0; i < 500; ++i) EXPECT_EQ(variables["w"].at({i}), before.at({i}));
}

}  // namespace
}  // namespace slipway
