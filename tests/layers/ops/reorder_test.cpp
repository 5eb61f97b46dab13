#include "layers/ops/reorder.h"

#include <cstring>

#include "core/base/random.h"
#include "core/tensor/copy_plan.h"
#include "kernels/reorder.h"
#include "tests/support/op_case.h"

namespace slipway::test {
namespace {

std::vector<Layout> layouts_of(const Shape& shape) {
  const int rank = shape.rank();
  Dims order, reversed;
  for (int i = 0; i < rank; ++i) {
    order.push_back(i);
    reversed.push_back(rank - 1 - i);
  }
  std::vector<Layout> layouts = {Layout::row_major(shape), Layout::blocked(shape, reversed, {})};
  if (rank > 1) {
    layouts.push_back(Layout::channels_last(shape));
    layouts.push_back(Layout::blocked(shape, order, {{1, 16}}));
    layouts.push_back(Layout::blocked(shape, order, {{1, 8}}));
    layouts.push_back(Layout::blocked(shape, reversed, {{0, 4}, {1, 8}, {0, 2}}));
  }
  return layouts;
}

/// Any bytes, the same for every call, zero where the layout pads.
Tensor make_value(const ValueType& type) {
  Tensor plain(type.dtype, type.shape);
  RandomSequence random({.key = 3});
  for (std::size_t i = 0; i < plain.type().bytes(); ++i) {
    plain.view().data[i] =
        static_cast<std::byte>(type.dtype == DType::boolean ? random.below(2) : random.word() & 63u);
  }
  Tensor value(type);
  copy_elements(plain, value);
  return value;
}

// The reference is copy_elements, which asks the layouts where each element lies.
TEST(Reorder, MovesEveryElementBetweenAnyTwoLayouts) {
  for (const Shape& shape :
       {Shape{}, Shape{1}, Shape{33}, Shape{2, 3}, Shape{37, 41}, Shape{2, 20, 5, 7}, Shape{3, 16, 4, 4},
        Shape{1, 3, 31, 33}, Shape{64, 32, 3, 3}, Shape{2, 1, 1, 1}, Shape{2, 0, 3}, Shape{2, 5, 3, 2, 4}}) {
    for (const DType dtype : {DType::float32, DType::float64, DType::float16, DType::uint8, DType::boolean}) {
      for (const Layout& from : layouts_of(shape)) {
        const Tensor source = make_value({dtype, shape, from});
        for (const Layout& to : layouts_of(shape)) {
          const Tensor expected({dtype, shape, to}), actual({dtype, shape, to});
          copy_elements(source, expected);
          if (actual.type().bytes() > 0) std::memset(actual.view().data, 0x55, actual.type().bytes());
          const CopyPlan plan(source.type(), actual.type());
          reorder({.threads = 2}, {.plan = &plan, .from = source.view().data, .to = actual.view().data});
          ASSERT_TRUE(expected.type().bytes() == 0 ||
                      std::memcmp(actual.view().data, expected.view().data, expected.type().bytes()) == 0)
              << source.type() << " to " << actual.type();
        }
      }
    }
  }
}

TEST(Reorder, BroadcastsAlongStrideZero) {
  const Tensor row = Tensor::of<float>({3}, {1, 2, 3});
  const CopyPlan plan({DType::float32, {4, 3}, Layout::strided({0, 1})}, {DType::float32, {4, 3}});
  const Tensor y(DType::float32, {4, 3});
  reorder({}, {.plan = &plan, .from = row.view().data, .to = y.view().data});
  for_each_index(y.shape(), [&](const Dims& index) { EXPECT_EQ(y.at(index), double(index[1] + 1)); });
}

TEST(Reorder, RefusesAnotherShape) {
  EXPECT_THROW(CopyPlan({DType::float32, {2, 3}}, {DType::float32, {3, 2}}), Error);
  EXPECT_THROW(CopyPlan({DType::float32, {2}}, {DType::float64, {2}}), Error);
  EXPECT_THROW(run_op(Reorder(Layout::row_major({2, 3})), {Tensor::zeros(DType::float32, {6})}), Error);
}

}  // namespace
}  // namespace slipway::test
