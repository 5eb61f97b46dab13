#include <cmath>
#include <limits>

#include "layers/ops/channel_affine.h"
#include "layers/ops/one_hot_columns.h"
#include "layers/ops/take_regions.h"
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

TEST(TakeRegionsTest, TakesTheRegionsOfItsStep) {
  const Tensor x = Tensor::of<std::uint8_t>({2, 1, 2, 3}, {1, 2, 3, 4, 5, 6, 11, 12, 13, 14, 15, 16});
  const Tensor regions = Tensor::of<std::int32_t>(
      {2, 2, 6}, {9, 9, 9, 9, 9, 9, 0, 1, 2, 2, 1, 0, 9, 9, 9, 9, 9, 9, 1, -1, 2, 2, 0, 0});
  const Tensor y = run_op(TakeRegions({.height = 2, .width = 2, .step = 1}), {x, regions});
  EXPECT_EQ(y.shape(), (Shape{2, 1, 2, 2}));
  const std::vector<std::uint8_t> expected = {3, 2, 6, 5, 0, 14, 0, 0};
  EXPECT_TRUE(std::equal(expected.begin(), expected.end(), y.as<std::uint8_t>().begin()));
  EXPECT_THROW(run_op(TakeRegions({.height = 2, .width = 2, .step = 2}), {x, regions}), Error);
  EXPECT_THROW(run_op(TakeRegions({.height = 2, .width = 2}), {x.cast(DType::int64), regions}), Error);
}

OpCase regions_case(const char* name, const TakeRegions::Options& options, const Shape& x, DType dtype,
                    const std::vector<std::int32_t>& regions) {
  const std::int64_t steps = x[0] == 0 ? 1 : static_cast<std::int64_t>(regions.size()) / (6 * x[0]);
  return {.name = name,
          .op = std::make_shared<TakeRegions>(options),
          .inputs = {{.shape = x, .low = 0, .high = 255, .dtype = dtype, .differentiable = false},
                     {.shape = {x[0], steps, 6},
                      .dtype = DType::int32,
                      .differentiable = false,
                      .value = Tensor::of<std::int32_t>({x[0], steps, 6}, regions)}},
          .gradient = false,
          .onnx = false};
}

OP_CASES_OF(TakeRegions, [] {
  return std::vector<OpCase>{
      regions_case("cropped_bytes", {.height = 32, .width = 28}, {2, 3, 31, 33}, DType::uint8,
                   {-4, 5, 32, 28, 1, 0, 3, -2, 32, 28, 0, 1}),
      regions_case("cropped_floats", {.height = 3, .width = 5}, {1, 2, 7, 9}, DType::float32,
                   {2, 5, 3, 5, 1, 1}),
      regions_case("nothing_cropped", {.height = 3, .width = 5}, {0, 2, 7, 9}, DType::uint8, {}),
      // Twice and four times as large: by weights that are exact, so that all precisions agree.
      regions_case("resampled_bytes", {.height = 16, .width = 32, .resamples = true}, {3, 3, 17, 33},
                   DType::uint8, {1, 0, 8, 16, 1, 0, 0, 3, 4, 16, 0, 1, 1, 1, 16, 32, 1, 0}),
      regions_case("resampled_floats", {.height = 16, .width = 32, .resamples = true, .step = 1},
                   {1, 2, 17, 9}, DType::float32, {0, 0, 9, 9, 0, 0, 9, 1, 8, 8, 1, 1})};
});

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
