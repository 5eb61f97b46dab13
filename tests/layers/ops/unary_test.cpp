#include "layers/ops/unary.h"

#include "tests/support/op_case.h"

namespace slipway::test {
namespace {

std::vector<OpCase> cases() {
  std::vector<OpCase> cases;
  for (int i = 0; i <= static_cast<int>(UnaryFunction::gelu_tanh); ++i) {
    const auto function = static_cast<UnaryFunction>(i);
    const auto op = std::make_shared<Unary>(function);
    const bool positive = function == UnaryFunction::log || function == UnaryFunction::sqrt ||
                          function == UnaryFunction::reciprocal;
    const auto add = [&](const std::string& name, const Shape& shape) {
      cases.push_back({.name = text(op->name(), "_", name),
                       .op = op,
                       .inputs = {{.shape = shape, .low = positive ? 0.1 : -6, .high = 6}}});
    };
    add("scalar", {});
    add("empty", {0});
    add("prime", {31, 37});
    add("odd", {33});
    add("image", {2, 17, 3, 5});
    add("parallel", {10007});
  }
  return cases;
}

OP_CASES_OF(Unary, cases);

TEST(Unary, RefusesIntegers) {
  EXPECT_THROW(run_op(Unary(UnaryFunction::exp), {Tensor::of<std::int64_t>({1}, {1})}), Error);
}

}  // namespace
}  // namespace slipway::test
