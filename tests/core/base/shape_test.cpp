#include "core/base/shape.h"

#include <gtest/gtest.h>

#include <limits>

#include "core/base/error.h"

namespace slipway {
namespace {

TEST(Shape, CountsElements) {
  EXPECT_EQ(Shape({}).elements(), 1);
  EXPECT_EQ(Shape({2, 3, 4}).elements(), 24);
  EXPECT_EQ(Shape({2, 0, 4}).elements(), 0);
  EXPECT_EQ(Shape({2, 3, 4, 5}).elements(1, 3), 12);
  const std::int64_t large = std::numeric_limits<std::int64_t>::max() / 2;
  EXPECT_THROW(Shape({large, 3}).elements(), Error);
  EXPECT_THROW(Shape({2, -1}).elements(), Error);
}

TEST(Shape, RefusesMoreAxesThanItHolds) {
  Shape shape;
  for (int i = 0; i < kMaxRank; ++i) shape.push_back(1);
  EXPECT_THROW(shape.push_back(1), Error);
}

TEST(Shape, ChangesOneAxis) {
  EXPECT_EQ(Shape({2, 3, 4}).with(1, 7), Shape({2, 7, 4}));
  EXPECT_EQ(Shape({2, 3, 4}).without(0), Shape({3, 4}));
  EXPECT_EQ(Shape({2, 3}).inserted(2, 5), Shape({2, 3, 5}));
  EXPECT_NE(Shape({2, 3}), Shape({2, 3, 1}));
}

TEST(Shape, BroadcastsByNumPysRules) {
  EXPECT_EQ(broadcast({2, 1, 4}, {3, 1}), Shape({2, 3, 4}));
  EXPECT_EQ(broadcast({}, {5}), Shape({5}));
  EXPECT_EQ(broadcast({1}, {0}), Shape({0}));
  EXPECT_THROW(broadcast({2, 3}, {2, 4}), Error);
}

TEST(Shape, NormalizesNegativeAxes) {
  EXPECT_EQ(normalize_axis(-1, 3, "softmax"), 2);
  EXPECT_EQ(normalize_axis(0, 3, "softmax"), 0);
  EXPECT_THROW(normalize_axis(3, 3, "softmax"), Error);
  EXPECT_THROW(normalize_axis(-4, 3, "softmax"), Error);
}

}  // namespace
}  // namespace slipway
