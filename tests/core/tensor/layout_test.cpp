#include "core/tensor/layout.h"

#include <gtest/gtest.h>

#include <set>

#include "core/base/error.h"
#include "core/tensor/tensor.h"

namespace slipway {
namespace {

TEST(Layout, RowMajorCountsFromTheLastAxis) {
  const Shape shape{2, 3, 4};
  const Layout layout = Layout::row_major(shape);
  EXPECT_EQ(layout.strides(), (Dims{12, 4, 1}));
  EXPECT_EQ(layout.offset({1, 2, 3}), 23);
  EXPECT_EQ(layout.extent(shape), 24);
  EXPECT_TRUE(layout.is_row_major(shape));
  EXPECT_EQ(Layout::row_major({}).extent({}), 1);
}

TEST(Layout, StridesOfSingleAxesDoNotMatter) {
  EXPECT_TRUE(Layout::strided({7, 1}).is_row_major({1, 5}));
  EXPECT_TRUE(Layout::strided({0, 0}).is_row_major({1, 1}));
  EXPECT_FALSE(Layout::strided({7, 1}).is_row_major({2, 5}));
  EXPECT_FALSE(Layout::strided({0, 1}).is_row_major({2, 5}));
  EXPECT_TRUE(Layout::strided({3, 9}).is_row_major({0, 5}));
}

TEST(Layout, ChannelsLastPutsChannelsInnermost) {
  const Shape shape{2, 3, 4, 5};
  const Layout layout = Layout::channels_last(shape);
  EXPECT_EQ(layout.strides(), (Dims{60, 1, 15, 3}));
  EXPECT_EQ(to_string(layout, shape), "acdb");
  EXPECT_EQ(Layout::channels_last({7}).strides(), (Dims{1}));
}

// nChw16c as oneDNN defines it: offset = ((n C/16 + c/16) H W + h W + w) 16 + c % 16.
TEST(Layout, BlocksLieInnermost) {
  const Shape shape{2, 20, 3, 5};
  const Layout layout = Layout::blocked(shape, {0, 1, 2, 3}, {{1, 16}});
  EXPECT_EQ(to_string(layout, shape), "aBcd16b");
  EXPECT_EQ(layout.extent(shape), 2 * 32 * 15);
  EXPECT_EQ(layout.block_size(1), 16);
  EXPECT_EQ(layout.block_size(0), 1);
  for_each_index(shape, [&](const Dims& i) {
    EXPECT_EQ(layout.offset(i), ((i[0] * 2 + i[1] / 16) * 15 + i[2] * 5 + i[3]) * 16 + i[1] % 16);
  });
}

// OIhw8i16o2i: the input channel is split twice.
TEST(Layout, AnAxisMayBeBlockedTwice) {
  const Shape shape{32, 48, 3, 3};
  const Layout layout = Layout::blocked(shape, {0, 1, 2, 3}, {{1, 8}, {0, 16}, {1, 2}});
  EXPECT_EQ(to_string(layout, shape), "ABcd8b16a2b");
  for_each_index(shape, [&](const Dims& i) {
    const std::int64_t outer = ((i[0] / 16 * 3 + i[1] / 16) * 3 + i[2]) * 3 + i[3];
    EXPECT_EQ(layout.offset(i), outer * 256 + i[1] % 16 / 2 * 32 + i[0] % 16 * 2 + i[1] % 2);
  });
}

TEST(Layout, EveryElementHasItsOwnPlaceWithinTheExtent) {
  for (const Shape& shape : {Shape{3, 17, 5, 2}, Shape{1, 1, 1, 1}, Shape{33, 31, 1, 3}}) {
    for (const Layout& layout : {Layout::row_major(shape), Layout::channels_last(shape),
                                 Layout::blocked(shape, {3, 1, 0, 2}, {{0, 4}, {1, 8}, {0, 2}})}) {
      std::set<std::int64_t> places;
      for_each_index(shape, [&](const Dims& index) { places.insert(layout.offset(index)); });
      EXPECT_EQ(static_cast<std::int64_t>(places.size()), shape.elements());
      EXPECT_GE(*places.begin(), 0);
      EXPECT_LT(*places.rbegin(), layout.extent(shape));
    }
  }
  EXPECT_EQ(Layout::blocked({2, 0, 3}, {0, 1, 2}, {{1, 16}}).extent({2, 0, 3}), 0);
}

TEST(Layout, IsCarriedOverToAnotherShape) {
  const Shape shape{2, 20, 3, 5}, other{4, 7, 6, 1};
  const Layout layout = Layout::blocked(shape, {0, 1, 2, 3}, {{1, 16}});
  EXPECT_EQ(layout.like(shape, other), Layout::blocked(other, {0, 1, 2, 3}, {{1, 16}}));
  EXPECT_EQ(Layout::channels_last(shape).like(shape, other), Layout::channels_last(other));
  EXPECT_THROW(layout.like(shape, {3}), Error);
}

}  // namespace
}  // namespace slipway
