#include "layers/ops/elementwise.h"

#include "layers/ops/binary.h"
#include "layers/ops/cast.h"
#include "layers/ops/fill.h"
#include "layers/ops/reduce.h"
#include "layers/ops/relu.h"
#include "layers/ops/scale.h"
#include "layers/ops/unary.h"
#include "tests/support/op_case.h"

namespace slipway::test {
namespace {

/// A chain of ops that live as long as it takes to join them.
class Ops {
 public:
  /// `inputs` as ChainMember has them.
  Ops& then(OpPtr op, std::vector<int> inputs) {
    members_.push_back({.op = op.get(), .inputs = std::move(inputs)});
    ops_.push_back(std::move(op));
    return *this;
  }
  Ops& unary(UnaryFunction function, int x) { return then(std::make_shared<Unary>(function), {x}); }
  Ops& binary(BinaryFunction function, int a, int b) {
    return then(std::make_shared<Binary>(function), {a, b});
  }
  Ops& number(double value) { return then(std::make_shared<Fill>(DType::float32, Shape{}, value), {}); }
  OpPtr joined() const { return chain(members_); }

 private:
  std::vector<OpPtr> ops_;
  std::vector<ChainMember> members_;
};

constexpr int kX = -1, kY = -2, kZ = -3;  // the inputs of a chain

/// gelu(x + y) z
OpPtr gate() {
  return Ops()
      .binary(BinaryFunction::add, kX, kY)
      .unary(UnaryFunction::gelu, 0)
      .binary(BinaryFunction::multiply, 1, kZ)
      .joined();
}

/// 2 - (s - tanh(s) x) / (1 + s²) with s = sigmoid(x): values that wait for more than the next step, numbers
/// on both sides.
OpPtr tangle() {
  return Ops()
      .unary(UnaryFunction::sigmoid, kX)
      .unary(UnaryFunction::tanh, 0)
      .binary(BinaryFunction::multiply, 1, kX)
      .binary(BinaryFunction::subtract, 0, 2)
      .unary(UnaryFunction::square, 0)
      .number(1)
      .binary(BinaryFunction::add, 4, 5)
      .binary(BinaryFunction::divide, 3, 6)
      .number(2)
      .binary(BinaryFunction::subtract, 8, 7)
      .joined();
}

/// leaky_relu(x f) with one factor f
OpPtr scaled_relu() {
  return Ops().then(std::make_shared<Scale>(), {kX, kY}).then(std::make_shared<Relu>(0.1), {0}).joined();
}

OpCase chain_case(const std::string& name, const OpPtr& op, std::vector<Shape> shapes) {
  OpCase op_case{.name = name, .op = op, .inputs = {}, .gradient = false, .onnx = false};
  for (const Shape& shape : shapes) op_case.inputs.push_back({.shape = shape});
  return op_case;
}

OP_CASES(Elementwise,
         {chain_case("empty", gate(), {{0, 3}, {3}, {0, 3}}), chain_case("one", gate(), {{1}, {1}, {1}}),
          chain_case("scalars", gate(), {{}, {}, {}}),
          chain_case("same", gate(), {{31, 33}, {31, 33}, {31, 33}}),
          chain_case("row", gate(), {{31, 37}, {37}, {31, 37}}),
          chain_case("row_of_packs", gate(), {{31, 64}, {64}, {31, 1}}),
          chain_case("column", gate(), {{31, 37}, {31, 1}, {}}),
          chain_case("outer", gate(), {{31, 1}, {1, 33}, {33}}),
          chain_case("middle", gate(), {{5, 1, 7}, {3, 7}, {5, 3, 1}}),
          chain_case("channels", gate(), {{2, 20, 3, 5}, {20, 1, 1}, {2, 20, 3, 5}}),
          chain_case("image", gate(), {{2, 20, 3, 5}, {2, 20, 3, 5}, {2, 20, 3, 5}}),
          chain_case("parallel", gate(), {{10007, 3}, {3}, {10007, 3}}),
          chain_case("tangle", tangle(), {{31, 33}}), chain_case("tangle_image", tangle(), {{2, 20, 3, 5}}),
          chain_case("factor", scaled_relu(), {{31, 33}, {}}),
          chain_case("factor_image", scaled_relu(), {{2, 20, 3, 5}, {}})});

TEST(Elementwise, SaysWhatItDoes) {
  EXPECT_EQ(gate()->attributes(), "add gelu multiply");
  EXPECT_EQ(Ops()
                .unary(UnaryFunction::exp, kX)
                .then(std::make_shared<Cast>(DType::bfloat16), {0})
                .joined()
                ->attributes(),
            "exp cast(bfloat16)");
}

TEST(Elementwise, HasNoGradient) {
  Graph graph;
  const Value x = graph.input("x", {DType::float32, {3}});
  const Value y = graph.add(tangle(), {x});
  VjpContext context(graph, y.node, {x}, {true});
  try {
    tangle()->vjp(context);
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "elementwise: gradients are taken before fusion");
  }
}

TEST(Elementwise, RefusesTypesItCannotComputeTogether) {
  const auto infer = [&](DType x, DType y, DType z) {
    return gate()->infer(std::vector<ValueType>{{x, {3}}, {y, {3}}, {z, {3}}})[0].dtype;
  };
  EXPECT_EQ(infer(DType::float16, DType::float16, DType::float16), DType::float16);
  EXPECT_THROW(infer(DType::float32, DType::float16, DType::float32), Error);
  EXPECT_THROW(infer(DType::int32, DType::int32, DType::int32), Error);
  const OpPtr widening =
      Ops().unary(UnaryFunction::exp, kX).then(std::make_shared<Cast>(DType::float64), {0}).joined();
  EXPECT_THROW(widening->infer(std::vector<ValueType>{{DType::float32, {3}}}), Error);
}

TEST(Elementwise, TakesNoMoreThanItsKernel) {
  Ops steps;
  for (int i = 0; i < ElementwiseArgs::kMostSteps; ++i) steps.unary(UnaryFunction::tanh, i - 1);
  EXPECT_TRUE(steps.joined());
  EXPECT_FALSE(steps.unary(UnaryFunction::tanh, ElementwiseArgs::kMostSteps - 1).joined());

  Ops inputs;
  inputs.binary(BinaryFunction::add, kX, kY);
  for (int i = 3; i <= ElementwiseArgs::kMostInputs; ++i) inputs.binary(BinaryFunction::add, i - 3, -i);
  EXPECT_TRUE(inputs.joined());
  inputs.binary(BinaryFunction::add, ElementwiseArgs::kMostInputs - 2, -1 - ElementwiseArgs::kMostInputs);
  EXPECT_FALSE(inputs.joined());

  Ops waiting;  // every value but the last waits for the sum at the end
  for (int i = 0; i <= ElementwiseArgs::kMostSlots; ++i) waiting.unary(UnaryFunction::tanh, kX);
  for (int i = 1; i <= ElementwiseArgs::kMostSlots; ++i)
    waiting.binary(BinaryFunction::add, i == 1 ? 0 : ElementwiseArgs::kMostSlots + i - 1, i);
  EXPECT_FALSE(waiting.joined());
}

TEST(Elementwise, TakesOnlyWhatWorksOnElements) {
  EXPECT_FALSE(Ops()
                   .unary(UnaryFunction::exp, kX)
                   .then(std::make_shared<Reduce>(ReduceFunction::sum, Dims{0}), {0})
                   .joined());
  EXPECT_FALSE(Ops().number(3).unary(UnaryFunction::exp, 0).joined());  // no input
  EXPECT_FALSE(Ops()
                   .then(std::make_shared<Fill>(DType::float32, Shape{3}, 1), {})
                   .binary(BinaryFunction::add, kX, 0)
                   .joined());  // would lose a shape
}

}  // namespace
}  // namespace slipway::test
