#include "layers/ops/relu.h"

#include <cmath>
#include <limits>

#include "tests/support/op_case.h"

namespace slipway::test {
namespace {

const auto kRelu = std::make_shared<Relu>();
const auto kLeaky = std::make_shared<Relu>(0.1);

OP_CASES(Relu, {{.name = "scalar", .op = kRelu, .inputs = {{.shape = {}}}},
                {.name = "empty", .op = kRelu, .inputs = {{.shape = {3, 0}}}},
                {.name = "one", .op = kRelu, .inputs = {{.shape = {1}}}},
                {.name = "prime", .op = kRelu, .inputs = {{.shape = {31, 37}}}},
                {.name = "parallel", .op = kRelu, .inputs = {{.shape = {64, 1031}}}},
                {.name = "image", .op = kRelu, .inputs = {{.shape = {2, 20, 5, 3}}}},
                {.name = "leaky", .op = kLeaky, .inputs = {{.shape = {33, 5}}}},
                {.name = "leaky_image", .op = kLeaky, .inputs = {{.shape = {2, 17, 4, 4}}}}});

TEST(Relu, KnownValues) {
  const Tensor x = Tensor::of<float>({5}, {-2, -0.0f, 0, 0.5f, 3});
  const Tensor y = run_op(Relu(), {x}), leaky = run_op(Relu(0.25), {x});
  EXPECT_EQ(std::vector<float>(y.as<float>().begin(), y.as<float>().end()),
            (std::vector<float>{0, 0, 0, 0.5f, 3}));
  EXPECT_EQ(leaky.at({0}), -0.5);
}

TEST(Relu, KeepsNaNAndTakesInfinities) {
  const float infinity = std::numeric_limits<float>::infinity();
  const Tensor x = Tensor::of<float>({3}, {std::numeric_limits<float>::quiet_NaN(), -infinity, infinity});
  const Tensor y = run_op(Relu(), {x});
  EXPECT_TRUE(std::isnan(y.at({0})));
  EXPECT_EQ(y.at({1}), 0);
  EXPECT_EQ(y.at({2}), infinity);
}

TEST(Relu, RefusesIntegers) { EXPECT_THROW(run_op(Relu(), {Tensor::of<std::int32_t>({1}, {1})}), Error); }

}  // namespace
}  // namespace slipway::test
