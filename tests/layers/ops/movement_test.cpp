#include "layers/ops/broadcast_to.h"
#include "layers/ops/cast.h"
#include "layers/ops/concat.h"
#include "layers/ops/fill.h"
#include "layers/ops/pad.h"
#include "layers/ops/slice.h"
#include "layers/ops/split_axis.h"
#include "layers/ops/transpose.h"

#include <limits>

#include "tests/support/op_case.h"

namespace slipway::test {
namespace {

template <class OpType, class... Args>
OpPtr make(Args&&... args) {
  return std::make_shared<OpType>(std::forward<Args>(args)...);
}

OP_CASES(Transpose,
         {{.name = "matrix", .op = make<Transpose>(Dims{1, 0}), .inputs = {{.shape = {31, 37}}}},
          {.name = "none", .op = make<Transpose>(Dims{0, 1}), .inputs = {{.shape = {3, 5}}}},
          {.name = "scalar", .op = make<Transpose>(Dims{}), .inputs = {{.shape = {}}}},
          {.name = "empty", .op = make<Transpose>(Dims{1, 0}), .inputs = {{.shape = {0, 5}}}},
          {.name = "heads", .op = make<Transpose>(Dims{0, 2, 1, 3}), .inputs = {{.shape = {2, 7, 3, 5}}}},
          {.name = "negative", .op = make<Transpose>(Dims{-1, 0, 1}), .inputs = {{.shape = {4, 1, 33}}}},
          {.name = "parallel", .op = make<Transpose>(Dims{1, 0}), .inputs = {{.shape = {211, 307}}}}});

OP_CASES(Slice,
         {{.name = "middle", .op = make<Slice>(Dims{1, 2}, Dims{4, 31}), .inputs = {{.shape = {5, 33}}}},
          {.name = "all", .op = make<Slice>(Dims{0, 0}, Dims{5, 3}), .inputs = {{.shape = {5, 3}}}},
          {.name = "nothing", .op = make<Slice>(Dims{2, 0}, Dims{2, 3}), .inputs = {{.shape = {5, 3}}}},
          {.name = "image",
           .op = make<Slice>(Dims{0, 3, 1, 0}, Dims{2, 17, 4, 5}),
           .inputs = {{.shape = {2, 20, 5, 5}}}}});

OP_CASES(SplitAxis, {{.name = "columns",
                      .op = make<SplitAxis>(1, std::vector<std::int64_t>{1, 31, 0, 5}),
                      .inputs = {{.shape = {3, 37}}}},
                     {.name = "rows",
                      .op = make<SplitAxis>(-2, std::vector<std::int64_t>{2, 1}),
                      .inputs = {{.shape = {3, 5}}}},
                     {.name = "channels",
                      .op = make<SplitAxis>(1, std::vector<std::int64_t>{16, 4}),
                      .inputs = {{.shape = {2, 20, 3, 3}}}}});

OP_CASES(Concat, {{.name = "columns",
                   .op = make<Concat>(1),
                   .inputs = {{.shape = {3, 31}}, {.shape = {3, 0}}, {.shape = {3, 2}}}},
                  {.name = "one", .op = make<Concat>(0), .inputs = {{.shape = {3}}}},
                  {.name = "rows", .op = make<Concat>(-2), .inputs = {{.shape = {2, 5}}, {.shape = {1, 5}}}},
                  {.name = "channels",
                   .op = make<Concat>(1),
                   .inputs = {{.shape = {2, 17, 3, 3}}, {.shape = {2, 3, 3, 3}}}}});

OP_CASES(Pad, {{.name = "image",
                .op = make<Pad>(Dims{0, 0, 1, 2}, Dims{0, 0, 3, 0}),
                .inputs = {{.shape = {2, 3, 5, 7}}}},
               {.name = "value", .op = make<Pad>(Dims{1}, Dims{2}, -1.5), .inputs = {{.shape = {31}}}},
               {.name = "none", .op = make<Pad>(Dims{0}, Dims{0}), .inputs = {{.shape = {5}}}},
               {.name = "empty", .op = make<Pad>(Dims{1, 0}, Dims{1, 0}, 3), .inputs = {{.shape = {0, 2}}}}});

OP_CASES(
    BroadcastTo,
    {{.name = "row", .op = make<BroadcastTo>(Shape{31, 33}), .inputs = {{.shape = {33}}}},
     {.name = "scalar", .op = make<BroadcastTo>(Shape{2, 3}), .inputs = {{.shape = {}}}},
     {.name = "channels", .op = make<BroadcastTo>(Shape{2, 17, 3, 5}), .inputs = {{.shape = {17, 1, 1}}}},
     {.name = "same", .op = make<BroadcastTo>(Shape{7}), .inputs = {{.shape = {7}}}},
     {.name = "empty", .op = make<BroadcastTo>(Shape{0, 3}), .inputs = {{.shape = {1, 3}}}}});

OP_CASES(Cast,
         {{.name = "bytes",
           .op = make<Cast>(DType::float32),
           .inputs = {{.shape = {31, 3}, .low = 0, .high = 256, .dtype = DType::uint8}},
           .gradient = false},
          {.name = "integers",
           .op = make<Cast>(DType::int64),
           .inputs = {{.shape = {33}, .low = -90, .high = 90}},
           .gradient = false},
          {.name = "image",
           .op = make<Cast>(DType::int8),
           .inputs = {{.shape = {2, 17, 3, 3}, .low = -90, .high = 90}},
           .gradient = false},
          {.name = "truth", .op = make<Cast>(DType::boolean), .inputs = {{.shape = {}}}, .gradient = false}});

template <class T>
std::vector<T> values(const Tensor& tensor) {
  return {tensor.as<T>().begin(), tensor.as<T>().end()};
}

TEST(Transpose, EqualsTheDefinition) {
  const Tensor x(DType::int32, {2, 3, 4});
  std::int32_t next = 0;
  for (std::int32_t& value : x.as<std::int32_t>()) value = next++;
  const Tensor y = run_op(Transpose({2, 0, 1}), {x});
  ASSERT_EQ(y.shape(), (Shape{4, 2, 3}));
  for_each_index(y.shape(), [&](const Dims& i) { EXPECT_EQ(y.at(i), x.at({i[1], i[2], i[0]})); });
  EXPECT_THROW(run_op(Transpose({0, 0, 1}), {x}), Error);
  EXPECT_THROW(run_op(Transpose({0, 1}), {x}), Error);
}

TEST(Slice, TakesTheElementsBetweenTheBounds) {
  const Tensor x = Tensor::of<std::uint8_t>({2, 4}, {1, 2, 3, 4, 5, 6, 7, 8});
  EXPECT_EQ(values<std::uint8_t>(run_op(Slice({1, 1}, {2, 3}), {x})), (std::vector<std::uint8_t>{6, 7}));
  EXPECT_THROW(run_op(Slice({0, 0}, {3, 4}), {x}), Error);
  EXPECT_THROW(run_op(Slice({0, 3}, {2, 2}), {x}), Error);
  EXPECT_THROW(run_op(Slice({0}, {1}), {x}), Error);
}

TEST(SplitAxis, IsUndoneByConcat) {
  const Tensor x = Tensor::of<std::int64_t>({2, 3}, {1, 2, 3, 4, 5, 6});
  const std::vector<Tensor> parts = run_op(static_cast<const Op&>(SplitAxis(1, {1, 2})), std::vector{x});
  EXPECT_EQ(values<std::int64_t>(parts[0]), (std::vector<std::int64_t>{1, 4}));
  EXPECT_EQ(values<std::int64_t>(parts[1]), (std::vector<std::int64_t>{2, 3, 5, 6}));
  EXPECT_EQ(values<std::int64_t>(run_op(Concat(-1), {parts[0], parts[1]})), values<std::int64_t>(x));
  EXPECT_THROW(run_op(SplitAxis(1, {1, 1}), {x}), Error);
  EXPECT_THROW(run_op(SplitAxis(1, {4, -1}), {x}), Error);
  EXPECT_THROW(run_op(Concat(0), {parts[0], parts[1]}), Error);
  EXPECT_THROW(run_op(Concat(0), {}), Error);
}

TEST(Pad, SurroundsWithTheValue) {
  const Tensor x = Tensor::of<std::int32_t>({1, 2}, {1, 2});
  EXPECT_EQ(values<std::int32_t>(run_op(Pad({1, 0}, {0, 1}, 7), {x})),
            (std::vector<std::int32_t>{7, 7, 7, 1, 2, 7}));
  EXPECT_THROW(run_op(Pad({1}, {1}), {x}), Error);
  EXPECT_THROW(run_op(Pad({-1, 0}, {0, 0}), {x}), Error);
}

TEST(BroadcastTo, RepeatsAlongNewAndSingleAxes) {
  const Tensor x = Tensor::of<std::int32_t>({2, 1}, {1, 2});
  EXPECT_EQ(values<std::int32_t>(run_op(BroadcastTo({2, 2, 2}), {x})),
            (std::vector<std::int32_t>{1, 1, 2, 2, 1, 1, 2, 2}));
  EXPECT_THROW(run_op(BroadcastTo({2}), {x}), Error);
  EXPECT_THROW(run_op(BroadcastTo({3, 2}), {x}), Error);
}

TEST(Fill, FillsAnyDtype) {
  for (const DType dtype :
       {DType::float32, DType::float16, DType::bfloat16, DType::int8, DType::int64, DType::boolean}) {
    const Tensor y = run_op(Fill(dtype, {33}, 1), {});
    for_each_index(y.shape(), [&](const Dims& i) { EXPECT_EQ(y.at(i), 1); });
  }
}

TEST(Cast, SaturatesAndTruncates) {
  const double infinity = std::numeric_limits<double>::infinity(),
               nan = std::numeric_limits<double>::quiet_NaN();
  const Tensor x = Tensor::of<double>({7}, {-1.9, 1.9, 300, -300, infinity, -infinity, nan});
  EXPECT_EQ(values<std::int8_t>(run_op(Cast(DType::int8), {x})),
            (std::vector<std::int8_t>{-1, 1, 127, -128, 127, -128, 0}));
  EXPECT_EQ(values<std::uint8_t>(run_op(Cast(DType::uint8), {x})),
            (std::vector<std::uint8_t>{0, 1, 255, 0, 255, 0, 0}));
  const Tensor wide = run_op(Cast(DType::int64), {Tensor::of<float>({2}, {9.3e18f, -9.3e18f})});
  EXPECT_EQ(wide.as<std::int64_t>()[0], std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(wide.as<std::int64_t>()[1], std::numeric_limits<std::int64_t>::min());
}

TEST(Cast, AllAtOnceAreWhatTheyAreOneByOne) {
  const std::vector<Tensor> x = {Tensor::of<float>({2, 2}, {0.1f, -3, 1e30f, 1e-30f}),
                                 Tensor(DType::float32, Shape{0}), Tensor::of<float>({1}, {1.00390625f})};
  for (const DType to : {DType::float16, DType::bfloat16, DType::float64}) {
    const std::vector<Tensor> all = run_op(CastAll(to), x);
    ASSERT_EQ(all.size(), x.size());
    for (std::size_t i = 0; i < x.size(); ++i) {
      const Tensor one = run_op(Cast(to), {x[i]});
      EXPECT_EQ(all[i].type(), one.type());
      for_each_index(one.shape(), [&](const Dims& at) { EXPECT_EQ(all[i].at(at), one.at(at)); });
    }
  }
  EXPECT_THROW(run_op(CastAll(DType::float16), {x[0], x[0].cast(DType::float64)}), Error);
}

TEST(Cast, ConvertsBetweenAllDtypes) {
  const std::vector<DType> dtypes = {DType::float32,  DType::float64, DType::float16,
                                     DType::bfloat16, DType::int8,    DType::uint8,
                                     DType::int32,    DType::int64,   DType::boolean};
  for (const DType from : dtypes) {
    const Tensor x = Tensor::of<double>({4}, {0, 1, 1, 0}).cast(from);
    for (const DType to : dtypes) {
      const Tensor y = run_op(Cast(to), {x});
      EXPECT_EQ(y.dtype(), to);
      for (std::int64_t i = 0; i < 4; ++i) EXPECT_EQ(y.at({i}), i == 1 || i == 2) << from << " to " << to;
    }
  }
}

}  // namespace
}  // namespace slipway::test
