#include <gtest/gtest.h>

#include <limits>

#include "kernels/reduce.h"
#include "tests/support/kernel_agreement.h"

namespace slipway::test {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct Case {
  std::int64_t outer, count, inner, chunk;
  std::int64_t elements() const { return outer * count * inner; }
  std::int64_t results() const {
    return outer * std::max<std::int64_t>(1, (count + chunk - 1) / chunk) * inner;
  }
};
/// Rows and parts of rows, few rows, narrow ones, wide ones.
constexpr Case kCases[] = {{0, 4, 1, 4},         {3, 0, 1, 5},      {3, 0, 4, 5},      {2, 5, 0, 5},
                           {7, 1, 1, 1},         {5, 33, 1, 33},    {3, 4096, 1, 512}, {2, 2053, 1, 1000},
                           {1, 70001, 1, 16384}, {2, 31, 5, 31},    {3, 100, 7, 40},   {2, 500, 64, 256},
                           {2, 100, 65, 60},     {1, 300, 517, 256}};

KernelCall reduce_call(const Case& c, ReduceKernel function) {
  return [&c, function](const Stream& stream, DType dtype, const KernelPointers& p) {
    reduce(stream, {.function = function,
                    .x_dtype = dtype,
                    .y_dtype = dtype,
                    .x = p[0],
                    .y = p[1],
                    .outer = c.outer,
                    .count = c.count,
                    .inner = c.inner,
                    .chunk = c.chunk,
                    .divisor = function == ReduceKernel::sum ? 3.0 : 1.0});
  };
}

TEST(CudaReduce, EveryFunction) {
  for (const Case& c : kCases) {
    SCOPED_TRACE(text(c.outer, " x ", c.count, " x ", c.inner, " by ", c.chunk));
    std::vector<double> x = random_values(c.elements(), 1, -1, 1);
    for (const ReduceKernel function :
         {ReduceKernel::sum, ReduceKernel::maximum, ReduceKernel::log_sum_exp}) {
      const Agreement agreement{.epsilons = 64, .magnitude = 1};
      expect_agreement({reads(x), writes(c.results())}, reduce_call(c, function), agreement);
      if (x.empty()) continue;
      x[x.size() / 2] = kNan;
      expect_agreement({reads(x), writes(c.results())}, reduce_call(c, function), agreement);
      x[x.size() / 2] = kInfinity;
      expect_agreement({reads(x), writes(c.results())}, reduce_call(c, function), agreement);
      x[x.size() / 2] = -kInfinity;
    }
  }
}

TEST(CudaReduce, KeepsSumsInTheAccumulator) {
  constexpr std::int64_t kCount = 3000;
  const Case parts{1, kCount, 1, 300}, whole{1, 10, 1, 10};
  // 3000 elements of 60 are beyond float16; their mean is not.
  expect_agreement({reads(random_values(kCount, 1, 59, 61)), scratch(10, DType::float64), writes(1)},
                   [&](const Stream& stream, DType dtype, const KernelPointers& p) {
                     const DType between = accumulator_of(dtype);
                     reduce(stream, {.function = ReduceKernel::sum,
                                     .x_dtype = dtype,
                                     .y_dtype = between,
                                     .x = p[0],
                                     .y = p[1],
                                     .outer = 1,
                                     .count = parts.count,
                                     .inner = 1,
                                     .chunk = parts.chunk});
                     reduce(stream, {.function = ReduceKernel::sum,
                                     .x_dtype = between,
                                     .y_dtype = dtype,
                                     .x = p[1],
                                     .y = p[2],
                                     .outer = 1,
                                     .count = whole.count,
                                     .inner = 1,
                                     .chunk = whole.chunk,
                                     .divisor = kCount});
                   });
}

TEST(CudaArgMax, FirstOfTheGreatest) {
  for (const Case& c : kCases) {
    SCOPED_TRACE(text(c.outer, " x ", c.count, " x ", c.inner));
    for (const double special : {1.0, kInfinity, kNan}) {
      std::vector<double> x = random_integers(c.elements(), 1, -8, 8);  // many are equal
      for (std::size_t i = 3; i < x.size(); i += 17) x[i] = special;
      expect_agreement({reads(x), writes(c.outer * c.inner).as(DType::int64)},
                       [&](const Stream& stream, DType dtype, const KernelPointers& p) {
                         arg_max(stream, {.dtype = dtype,
                                          .x = p[0],
                                          .y = p.as<std::int64_t>(1),
                                          .outer = c.outer,
                                          .count = c.count,
                                          .inner = c.inner});
                       },
                       {.epsilons = 0});
    }
  }
}

TEST(CudaArgMax, AllMinusInfinity) {
  for (const std::int64_t inner : {1, 2}) {
    expect_agreement({reads(std::vector<double>(70, -kInfinity)), writes(inner).as(DType::int64)},
                     [&](const Stream& stream, DType dtype, const KernelPointers& p) {
                       arg_max(stream, {.dtype = dtype,
                                        .x = p[0],
                                        .y = p.as<std::int64_t>(1),
                                        .outer = 1,
                                        .count = 70 / inner,
                                        .inner = inner});
                     },
                     {.epsilons = 0});
  }
}

}  // namespace
}  // namespace slipway::test
