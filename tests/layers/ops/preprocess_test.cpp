#include <cmath>
#include <limits>

#include "layers/ops/channel_affine.h"
#include "layers/ops/one_hot_columns.h"
#include "tests/support/op_case.h"

namespace slipway::test {
namespace {

OpPtr affine(ChannelAffine::Options options) { return std::make_shared<ChannelAffine>(std::move(options)); }

TEST(ChannelAffineTest, ScalesBytesPerChannel) {
  const ChannelAffine op({.axis = 1, .scale = {2, 10}, .shift = {1, -1}, .fill = {}});
  const Tensor y = run_op(op, {Tensor::of<std::uint8_t>({1, 2, 2}, {0, 255, 3, 4})});
  const std::vector<float> expected = {1, 511, 29, 39};
  EXPECT_TRUE(std::equal(expected.begin(), expected.end(), y.as<float>().begin()));
}

TEST(ChannelAffineTest, FillsMissingValuesOnlyWhereAFillIsGiven) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const ChannelAffine op({.axis = 1, .scale = {2, 2}, .shift = {0, 0}, .fill = {7, std::nan("")}});
  const Tensor y = run_op(op, {Tensor::of<float>({2, 2}, {nan, nan, 1, 2})});
  EXPECT_EQ(y.at({0, 0}), 14);
  EXPECT_TRUE(std::isnan(y.at({0, 1})));
  EXPECT_EQ(y.at({1, 0}), 2);
  EXPECT_EQ(y.at({1, 1}), 4);
}

TEST(ChannelAffineTest, NamesTheAxisThatDoesNotFit) {
  const ChannelAffine op({.axis = 1, .scale = {1, 2, 3}, .shift = {0, 0, 0}, .fill = {}});
  EXPECT_THROW(run_op(op, {Tensor::zeros(DType::float32, {2, 2})}), Error);
}

TEST(OneHotColumnsTest, ExpandsCategoriesAndKeepsNumbers) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const Tensor y =
      run_op(OneHotColumns({0, 3}), {Tensor::of<float>({4, 2}, {0.5, 0, 1.5, 2, 2.5, nan, 3.5, 3})});
  EXPECT_EQ(y.shape(), (Shape{4, 4}));
  const std::vector<float> expected = {0.5, 1, 0, 0, 1.5, 0, 0, 1, 2.5, 0, 0, 0, 3.5, 0, 0, 0};
  EXPECT_TRUE(std::equal(expected.begin(), expected.end(), y.as<float>().begin()));
}

OP_CASES(
    Preprocess,
    {{.name = "affine_of_bytes",
      .op = affine({.axis = 1, .scale = {0.1, 0.2, 0.3}, .shift = {1, 2, 3}, .fill = {}}),
      .inputs =
          {{.shape = {2, 3, 5, 7}, .low = 0, .high = 255, .dtype = DType::uint8, .differentiable = false}},
      .gradient = false},
     {.name = "affine_of_one_scale",
      .op = affine({.axis = 1, .scale = {0.5}, .shift = {-1}, .fill = {}}),
      .inputs = {{.shape = {33}, .differentiable = false}},
      .gradient = false},
     {.name = "affine_of_nothing",
      .op = affine({.axis = 1, .scale = {0.5, 2}, .shift = {-1, 0}, .fill = {}}),
      .inputs = {{.shape = {0, 2}, .differentiable = false}},
      .gradient = false},
     {.name = "one_hot",
      .op = std::make_shared<OneHotColumns>(std::vector<std::int64_t>{3, 0, 2}),
      .inputs = {{.shape = {31, 3}, .differentiable = false}},
      .gradient = false}});

}  // namespace
}  // namespace slipway::test
