#include "layers/ops/gather.h"

#include <cmath>
#include <limits>

#include "tests/support/op_case.h"

namespace slipway::test {
namespace {

struct Pick {
  const char* name;
  Shape x;
  std::int64_t axis;
  std::int64_t picked;
};
const std::vector<Pick> kPicks = {
    {"rows", {31, 33}, 0, 7},         {"columns", {31, 33}, 1, 7}, {"more_than_there_are", {3}, 0, 33},
    {"nothing", {3, 5}, -1, 0},       {"no_lines", {0, 5}, 1, 2},  {"middle", {3, 17, 5}, 1, 4},
    {"image", {2, 20, 3, 5}, -3, 31}, {"one", {1}, 0, 1},          {"parallel", {211, 307}, 1, 101}};

/// Many ids are equal, and the first and the last are there.
OpInput ids(const Pick& pick, DType dtype) {
  const int axis = normalize_axis(pick.axis, pick.x.rank(), "test");
  return {.shape = pick.x.with(axis, pick.picked),
          .low = 0,
          .high = static_cast<double>(pick.x[axis]),
          .dtype = dtype};
}

std::vector<OpCase> gather_cases() {
  std::vector<OpCase> cases;
  for (const Pick& pick : kPicks) {
    const DType dtype = cases.size() % 2 == 0 ? DType::int64 : DType::int32;
    cases.push_back({.name = pick.name,
                     .op = std::make_shared<Gather>(pick.axis),
                     .inputs = {{.shape = pick.x}, ids(pick, dtype)}});
  }
  return cases;
}
OP_CASES_OF(Gather, gather_cases);

std::vector<OpCase> scatter_cases() {
  std::vector<OpCase> cases;
  for (const Pick& pick : kPicks) {
    const OpInput places = ids(pick, cases.size() % 2 == 0 ? DType::int32 : DType::int64);
    cases.push_back({.name = pick.name,
                     .op = std::make_shared<ScatterAdd>(pick.axis),
                     .inputs = {{.shape = pick.x}, places, {.shape = places.shape}}});
  }
  return cases;
}
OP_CASES_OF(ScatterAdd, scatter_cases);

std::vector<OpCase> top_k_cases() {
  std::vector<OpCase> cases;
  for (const Pick& pick : kPicks) {
    const std::int64_t size = pick.x[normalize_axis(pick.axis, pick.x.rank(), "test")];
    cases.push_back({.name = pick.name,
                     .op = std::make_shared<TopK>(pick.axis, std::min(pick.picked, size)),
                     .inputs = {{.shape = pick.x}},
                     .onnx = pick.x.elements() > 0});  // onnxruntime divides by the number of lines
  }
  return cases;
}
OP_CASES_OF(TopK, top_k_cases);

std::vector<float> floats(const Tensor& tensor) {
  return {tensor.as<float>().begin(), tensor.as<float>().end()};
}

TEST(Gather, TakesTheElementsAtTheIds) {
  const Tensor x = Tensor::of<float>({2, 3}, {1, 2, 3, 4, 5, 6});
  EXPECT_EQ(floats(run_op(Gather(1), {x, Tensor::of<std::int64_t>({2, 2}, {2, 0, 1, 1})})),
            (std::vector<float>{3, 1, 5, 5}));
  EXPECT_EQ(floats(run_op(Gather(0), {x, Tensor::of<std::int32_t>({1, 3}, {1, 0, 1})})),
            (std::vector<float>{4, 2, 6}));
}

TEST(Gather, ShowsIdsOutOfRange) {
  const Tensor x = Tensor::of<float>({3}, {1, 2, 3});
  const Tensor y = run_op(Gather(0), {x, Tensor::of<std::int64_t>({3}, {-1, 3, 2})});
  EXPECT_TRUE(std::isnan(y.at({0})));
  EXPECT_TRUE(std::isnan(y.at({1})));
  EXPECT_EQ(y.at({2}), 3);
}

TEST(ScatterAdd, AddsWhatMeetsAtOnePlace) {
  const Tensor x = Tensor::of<float>({2, 3}, {1, 2, 3, 4, 5, 6});
  const Tensor ids = Tensor::of<std::int64_t>({2, 3}, {2, 2, 0, 7, 1, -1});
  const Tensor updates = Tensor::of<float>({2, 3}, {10, 20, 30, 40, 50, 60});
  EXPECT_EQ(floats(run_op(ScatterAdd(1), {x, ids, updates})), (std::vector<float>{31, 2, 33, 4, 55, 6}));
}

TEST(TopK, TakesTheFirstOfEqualOnes) {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const Tensor x = Tensor::of<float>({2, 5}, {1, 5, 5, -3, 5, -kInfinity, kNan, 2, kNan, -kInfinity});
  const std::vector<Tensor> y = run_op(TopK(1, 4), std::vector<Tensor>{x});
  EXPECT_EQ(std::vector<std::int64_t>(y[1].as<std::int64_t>().begin(), y[1].as<std::int64_t>().end()),
            (std::vector<std::int64_t>{1, 2, 4, 0, 1, 3, 2, 0}));
  EXPECT_EQ(y[0].at({0, 3}), 1);
  EXPECT_TRUE(std::isnan(y[0].at({1, 1})));
  EXPECT_EQ(y[0].at({1, 3}), -kInfinity);
}

TEST(Gather, RefusesWhatMakesNoSense) {
  const Tensor x = Tensor::zeros(DType::float32, {2, 3}), ids = Tensor::zeros(DType::int64, {2, 4});
  EXPECT_THROW(run_op(Gather(0), {x, ids}), Error);
  EXPECT_THROW(run_op(Gather(2), {x, ids}), Error);
  EXPECT_THROW(run_op(Gather(1), {x, Tensor::zeros(DType::float32, {2, 4})}), Error);
  EXPECT_THROW(run_op(ScatterAdd(1), {x, ids, x}), Error);
  EXPECT_THROW(run_op(TopK(1, 4), {x}), Error);
}

}  // namespace
}  // namespace slipway::test
