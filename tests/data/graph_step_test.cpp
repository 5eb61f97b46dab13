#include "data/graph_step.h"

#include <cmath>

#include "tests/data/support.h"

namespace slipway {
namespace {

Tensor apply_all(const std::vector<GraphStep>& steps, Tensor batch) {
  for (const GraphStep& step : steps) batch = apply_step(step, batch);
  return batch;
}

TEST(Affine, ScalesShiftsAndFillsAlongItsAxis) {
  const Tensor batch = Tensor::of<float>({1, 2, 2}, {1, NAN, NAN, 4});
  const Affine step{.axis = 1, .scale = {2, 10}, .shift = {0.5, -1}, .fill = {7, NAN}};
  const auto y = test::values<float>(apply_step(step, batch));
  EXPECT_EQ(y[0], 2.5f);
  EXPECT_EQ(y[1], 14.5f);
  EXPECT_TRUE(std::isnan(y[2]));
  EXPECT_EQ(y[3], 39);
  const Tensor bytes = Tensor::of<std::uint8_t>({2, 1}, {0, 255});
  EXPECT_EQ(test::values<float>(apply_step(Affine{.axis = 0, .scale = {1.0 / 255}, .shift = {0}}, bytes)),
            (std::vector<float>{0, 1}));
}

TEST(Affine, RefusesABatchThatDoesNotFit) {
  EXPECT_THROW(
      apply_step(Affine{.axis = 1, .scale = {1, 2}, .shift = {0, 0}}, Tensor::zeros(DType::float32, {2, 3})),
      Error);
  EXPECT_THROW(
      apply_step(Affine{.axis = 2, .scale = {1}, .shift = {0}}, Tensor::zeros(DType::float32, {2, 3})),
      Error);
  EXPECT_THROW(output_shape(OneHot{{0, 2}}, {4, 3}), Error);
}

TEST(OneHot, ReplacesCategoriesByIndicators) {
  const Tensor batch = Tensor::of<float>({3, 3}, {5, 0, 1, 6, 2, NAN, NAN, 3, 0.5});
  const OneHot step{{0, 3, 2}};
  EXPECT_EQ(output_shape(step, batch.shape()), (Shape{3, 6}));
  const auto y = test::values<float>(apply_step(step, batch));
  EXPECT_EQ(std::vector<float>(y.begin(), y.begin() + 12), (std::vector<float>{5, 1, 0, 0, 0, 1,  //
                                                                               6, 0, 0, 1, 0, 0}));
  EXPECT_TRUE(std::isnan(y[12]));
  EXPECT_EQ(std::vector<float>(y.begin() + 13, y.end()), (std::vector<float>{0, 0, 0, 0, 0}));
}

TEST(Compose, MergesNeighboursIntoTheSameFunction) {
  const Tensor batch = Tensor::of<float>({2, 2}, {1, NAN, -3, 40});
  const std::vector<GraphStep> steps = {
      Affine{.axis = 0, .scale = {0.5}, .shift = {1}},
      Affine{.axis = 1, .scale = {2, 4}, .shift = {0.25, -1}, .fill = {3, 5}},
      Affine{.axis = 1, .scale = {-1}, .shift = {8}},
  };
  const auto merged = compose(steps);
  ASSERT_EQ(merged.size(), 1u);
  EXPECT_EQ(test::values<float>(apply_all(merged, batch)),
            (std::vector<float>{8 - 3.25f, 8 - 19.0f, 8 + 0.75f, 8 - 83.0f}));
  EXPECT_EQ(test::values<float>(apply_all(merged, batch)), test::values<float>(apply_all(steps, batch)));
}

TEST(Compose, KeepsApartWhatCannotBeOneStep) {
  const Affine by_row{.axis = 0, .scale = {1, 2}, .shift = {0, 0}},
      by_column{.axis = 1, .scale = {3, 4}, .shift = {0, 0}};
  EXPECT_EQ(compose({by_row, by_column}).size(), 2u);
  EXPECT_EQ(compose({by_column, OneHot{{0, 2}}, by_column}).size(), 3u);
  // 0 · NaN stays NaN, which the second step fills: no fill of the first does the same.
  const Affine zero{.axis = 1, .scale = {0}, .shift = {1}},
      filling{.axis = 1, .scale = {1}, .shift = {0}, .fill = {5}};
  const std::vector<GraphStep> steps = {zero, filling};
  const Tensor batch = Tensor::of<float>({1, 2}, {NAN, 3});
  EXPECT_EQ(test::values<float>(apply_all(compose(steps), batch)), (std::vector<float>{5, 1}));
}

}  // namespace
}  // namespace slipway
