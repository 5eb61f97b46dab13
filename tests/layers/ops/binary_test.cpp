#include "layers/ops/binary.h"

#include <cmath>
#include <limits>

#include "tests/support/op_case.h"

namespace slipway::test {
namespace {

std::vector<OpCase> cases() {
  struct Shapes {
    const char* name;
    Shape a, b;
  };
  const std::vector<Shapes> shapes = {{"scalars", {}, {}},
                                      {"empty", {0, 2}, {0, 2}},
                                      {"empty_row", {0, 3}, {3}},
                                      {"same", {31, 33}, {31, 33}},
                                      {"image", {2, 20, 3, 5}, {2, 20, 3, 5}},
                                      {"scalar_right", {2, 17, 4, 3}, {}},
                                      {"scalar_left", {}, {2, 17, 4, 3}},
                                      {"one", {2, 17, 4, 3}, {1, 1, 1, 1}},
                                      {"row", {31, 37}, {37}},
                                      {"column", {31, 37}, {31, 1}},
                                      {"channels", {2, 20, 3, 5}, {20, 1, 1}},
                                      {"outer", {31, 1}, {1, 33}},
                                      {"middle", {5, 1, 7}, {3, 7}},
                                      {"all_ones", {1}, {1, 1}},
                                      {"parallel", {10007, 3}, {10007, 3}}};
  std::vector<OpCase> cases;
  for (int i = 0; i <= static_cast<int>(BinaryFunction::minimum); ++i) {
    const auto op = std::make_shared<Binary>(static_cast<BinaryFunction>(i));
    const double low = op->function() == BinaryFunction::divide ? 0.5 : -2;
    for (const Shapes& s : shapes) {
      cases.push_back({.name = text(op->name(), "_", s.name),
                       .op = op,
                       .inputs = {{.shape = s.a}, {.shape = s.b, .low = low}}});
    }
  }
  return cases;
}

OP_CASES_OF(Binary, cases);

std::vector<float> apply(BinaryFunction function, const std::vector<float>& a, const std::vector<float>& b) {
  const Shape shape{static_cast<std::int64_t>(a.size())};
  const Tensor y = run_op(Binary(function), {Tensor::of<float>(shape, a), Tensor::of<float>(shape, b)});
  return {y.as<float>().begin(), y.as<float>().end()};
}

TEST(Binary, KnownValues) {
  EXPECT_EQ(apply(BinaryFunction::subtract, {1, 2}, {3, 5}), (std::vector<float>{-2, -3}));
  EXPECT_EQ(apply(BinaryFunction::divide, {1, 6}, {4, 3}), (std::vector<float>{0.25f, 2}));
  EXPECT_EQ(apply(BinaryFunction::maximum, {1, 6}, {4, 3}), (std::vector<float>{4, 6}));
  EXPECT_EQ(apply(BinaryFunction::minimum, {1, 6}, {4, 3}), (std::vector<float>{1, 3}));
  EXPECT_EQ(apply(BinaryFunction::maximum_share, {1, 6, 2}, {4, 3, 2}), (std::vector<float>{0, 1, 0.5f}));
  EXPECT_EQ(apply(BinaryFunction::equal, {1, 6}, {1, 3}), (std::vector<float>{1, 0}));
}

TEST(Binary, ExtremaPassNaNOn) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const auto function : {BinaryFunction::maximum, BinaryFunction::minimum}) {
    for (const float y : apply(function, {nan, 1, nan}, {1, nan, nan})) EXPECT_TRUE(std::isnan(y));
  }
}

TEST(Binary, BroadcastsAsNumPyDoes) {
  const Tensor a = Tensor::of<double>({2, 1}, {10, 20}), b = Tensor::of<double>({3}, {1, 2, 3});
  const Tensor y = run_op(Binary(BinaryFunction::add), {a, b});
  EXPECT_EQ(y.shape(), (Shape{2, 3}));
  EXPECT_EQ(std::vector<double>(y.as<double>().begin(), y.as<double>().end()),
            (std::vector<double>{11, 12, 13, 21, 22, 23}));
}

TEST(Binary, DividesIntegersWithoutTrapping) {
  const std::int64_t lowest = std::numeric_limits<std::int64_t>::min();
  const Tensor y = run_op(Binary(BinaryFunction::divide), {Tensor::of<std::int64_t>({3}, {7, 7, lowest}),
                                                           Tensor::of<std::int64_t>({3}, {2, 0, -1})});
  EXPECT_EQ(std::vector<std::int64_t>(y.as<std::int64_t>().begin(), y.as<std::int64_t>().end()),
            (std::vector<std::int64_t>{3, 0, lowest}));
}

template <class T>
void expect_integers_that_wrap() {
  const T lowest = std::numeric_limits<T>::min(), highest = std::numeric_limits<T>::max();
  const auto result = [](BinaryFunction function, T a, T b) {
    return run_op(Binary(function), {Tensor::of<T>({1}, {a}), Tensor::of<T>({1}, {b})}).template as<T>()[0];
  };
  EXPECT_EQ(result(BinaryFunction::add, highest, 1), lowest);
  EXPECT_EQ(result(BinaryFunction::subtract, lowest, 1), highest);
  EXPECT_EQ(result(BinaryFunction::multiply, highest, 2), -2);
}

TEST(Binary, WrapsIntegersAround) {
  expect_integers_that_wrap<std::int32_t>();
  expect_integers_that_wrap<std::int64_t>();
}

TEST(Binary, NamesWhatDoesNotFit) {
  const Tensor a = Tensor::zeros(DType::float32, {2, 3});
  try {
    run_op(Binary(BinaryFunction::add), {a, Tensor::zeros(DType::float32, {2})});
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "add: shapes [2, 3] and [2] do not broadcast");
  }
  EXPECT_THROW(run_op(Binary(BinaryFunction::add), {a, Tensor::zeros(DType::float64, {2, 3})}), Error);
}

}  // namespace
}  // namespace slipway::test
