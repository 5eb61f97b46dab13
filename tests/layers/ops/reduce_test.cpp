#include "layers/ops/reduce.h"

#include <cmath>
#include <limits>

#include "tests/support/op_case.h"

namespace slipway::test {
namespace {

std::vector<OpCase> cases() {
  struct Use {
    const char* name;
    Shape shape;
    Dims axes;
  };
  const std::vector<Use> uses = {{"scalar", {}, {}},
                                 {"nothing", {3, 5}, {}},
                                 {"rows", {31, 37}, {1}},
                                 {"columns", {37, 33}, {0}},
                                 {"everything", {31, 33}, {0, 1}},
                                 {"long_run", {40009}, {0}},
                                 {"long_columns", {1031, 3}, {0}},
                                 {"batch_norm", {3, 17, 5, 4}, {0, 2, 3}},
                                 {"spatial", {2, 17, 5, 4}, {-2, -1}},
                                 {"alternate", {2, 3, 5, 7, 3}, {1, 3}},
                                 {"wide", {3, 5, 301}, {1}},
                                 {"ones", {1, 5, 1}, {0, 2}}};
  std::vector<OpCase> cases;
  for (const auto function :
       {ReduceFunction::sum, ReduceFunction::mean, ReduceFunction::max, ReduceFunction::log_sum_exp}) {
    for (const Use& use : uses) {
      for (const auto axes : {Reduce::Axes::dropped, Reduce::Axes::kept}) {
        const auto op = std::make_shared<Reduce>(function, use.axes, axes);
        cases.push_back({.name = text(op->name(), "_", use.name, axes == Reduce::Axes::kept ? "_kept" : ""),
                         .op = op,
                         .inputs = {{.shape = use.shape}}});
        // Each of that many elements moves the result by as little as rounding moves a difference.
        if (function == ReduceFunction::log_sum_exp && use.shape.elements() > 40000)
          cases.back().gradient_tolerance = 1e-5;
      }
    }
  }
  cases.push_back({.name = "sum_of_nothing",
                   .op = std::make_shared<Reduce>(ReduceFunction::sum, Dims{1}),
                   .inputs = {{.shape = {3, 0, 2}}}});
  cases.push_back({.name = "arg_max_rows",
                   .op = std::make_shared<ArgMax>(1),
                   .inputs = {{.shape = {31, 10}}},
                   .gradient = false});
  cases.push_back({.name = "arg_max_channels",
                   .op = std::make_shared<ArgMax>(-3),
                   .inputs = {{.shape = {2, 17, 3, 5}}},
                   .gradient = false});
  return cases;
}

OP_CASES_OF(Reduce, cases);

// The definition, element by element.
TEST(Reduce, EqualsTheDefinition) {
  for (const Dims& axes : {Dims{0}, Dims{1}, Dims{2}, Dims{0, 1}, Dims{0, 2}, Dims{1, 2}, Dims{2, 0, 1}}) {
    const Shape shape{5, 7, 3};
    const Tensor x(DType::float64, shape);
    double next = 0;
    for (double& value : x.as<double>()) value = std::sin(next += 1.7);
    Shape kept = shape;
    for (const std::int64_t axis : axes) kept[static_cast<int>(axis)] = 1;
    const Tensor sum = Tensor::zeros(DType::float64, kept);
    const Tensor max = Tensor::full(DType::float64, kept, -2);
    const Tensor exponentials = Tensor::zeros(DType::float64, kept);
    double count = static_cast<double>(shape.elements()) / static_cast<double>(kept.elements());
    for_each_index(shape, [&](const Dims& index) {
      Dims to = index;
      for (const std::int64_t axis : axes) to[static_cast<int>(axis)] = 0;
      const auto at = static_cast<std::size_t>(Layout::row_major(kept).offset(to));
      sum.as<double>()[at] += x.at(index);
      exponentials.as<double>()[at] += std::exp(x.at(index));
      max.as<double>()[at] = std::max(max.as<double>()[at], x.at(index));
    });
    const auto reduce = [&](ReduceFunction function) {
      return run_op(Reduce(function, axes, Reduce::Axes::kept), {x});
    };
    EXPECT_LE(relative_difference(reduce(ReduceFunction::sum), sum), 1e-14);
    EXPECT_LE(relative_difference(reduce(ReduceFunction::max), max), 0);
    const Tensor log_sum_exp = reduce(ReduceFunction::log_sum_exp);
    for (std::size_t i = 0; i < exponentials.as<double>().size(); ++i)
      EXPECT_NEAR(log_sum_exp.as<double>()[i], std::log(exponentials.as<double>()[i]), 1e-14);
    const Tensor mean = reduce(ReduceFunction::mean);
    for (std::size_t i = 0; i < mean.as<double>().size(); ++i) {
      EXPECT_NEAR(mean.as<double>()[i], sum.as<double>()[i] / count, 1e-15);
    }
    EXPECT_EQ(run_op(Reduce(ReduceFunction::sum, axes), {x}).shape().rank(), 3 - axes.rank());
  }
}

// Added up in sequence such a sum would be lost: past 2^21 float32 no longer tells x from x + 0.1.
TEST(Reduce, LongSumsKeepTheirPrecision) {
  const Tensor x = Tensor::full(DType::float32, {1 << 24}, 0.1f);
  EXPECT_NEAR(run_op(Reduce::all(ReduceFunction::mean, 1), {x}).item(), 0.1f, 1e-6);
  const Tensor columns = x.reshaped({1 << 23, 2});
  EXPECT_NEAR(run_op(Reduce(ReduceFunction::mean, {0}), {columns}).at({1}), 0.1f, 1e-6);
}

TEST(Reduce, MaximumPassesNaNOn) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const std::int64_t size : {std::int64_t{3}, std::int64_t{101}}) {
    const Tensor x = Tensor::full(DType::float32, {size}, 1);
    x.as<float>()[1] = nan;
    EXPECT_TRUE(std::isnan(run_op(Reduce::all(ReduceFunction::max, 1), {x}).item()));
    EXPECT_EQ(run_op(ArgMax(0), {x}).item(), 1);
  }
}

// log(3 e^x) = x + log 3 however large x is.
TEST(Reduce, LogSumExpNeitherOverflowsNorVanishes) {
  const auto of = [](double a, double b, double c) {
    const auto f = [](double x) { return static_cast<float>(x); };
    const Tensor row = Tensor::of<float>({1, 3}, {f(a), f(b), f(c)});
    const double result = run_op(Reduce(ReduceFunction::log_sum_exp, {1}), {row}).item();
    const Tensor columns = Tensor::of<float>({3, 2}, {f(a), f(a), f(b), f(b), f(c), f(c)});
    const Tensor both = run_op(Reduce(ReduceFunction::log_sum_exp, {0}), {columns});
    EXPECT_TRUE(both.at({1}) == result || (std::isnan(both.at({1})) && std::isnan(result)));
    return result;
  };
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  EXPECT_NEAR(of(1000, 1000, 1000), 1000 + std::log(3), 1e-4);
  EXPECT_NEAR(of(-1000, -1000, -1000), -1000 + std::log(3), 1e-4);
  EXPECT_NEAR(of(2, -kInfinity, 2), 2 + std::log(2), 1e-6);
  EXPECT_EQ(of(-kInfinity, -kInfinity, -kInfinity), -kInfinity);
  EXPECT_EQ(of(1, kInfinity, 2), kInfinity);
  EXPECT_TRUE(std::isnan(of(1, std::numeric_limits<double>::quiet_NaN(), kInfinity)));
}

TEST(Reduce, ArgMaxTakesTheFirst) {
  const Tensor x = Tensor::of<float>({2, 3}, {1, 5, 5, -3, -2, -9});
  const Tensor y = run_op(ArgMax(-1), {x});
  EXPECT_EQ(y.dtype(), DType::int64);
  EXPECT_EQ(y.at({0}), 1);
  EXPECT_EQ(y.at({1}), 1);
}

TEST(Reduce, RefusesWhatMakesNoSense) {
  const Tensor x = Tensor::zeros(DType::float32, {2, 0});
  EXPECT_THROW(run_op(Reduce(ReduceFunction::sum, {2}), {x}), Error);
  EXPECT_THROW(run_op(Reduce(ReduceFunction::sum, {0, -2}), {x}), Error);
  EXPECT_THROW(run_op(Reduce(ReduceFunction::max, {1}), {x}), Error);
  EXPECT_THROW(run_op(ArgMax(1), {x}), Error);
}

}  // namespace
}  // namespace slipway::test
