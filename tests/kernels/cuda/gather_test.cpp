#include "kernels/gather.h"

#include <gtest/gtest.h>

#include <limits>

#include "tests/support/kernel_agreement.h"

namespace slipway::test {
namespace {

struct Case {
  std::int64_t outer, count, picked, inner;
  std::int64_t elements() const { return outer * count * inner; }
  std::int64_t results() const { return outer * picked * inner; }
};
/// Rows and lines, whole packs or not, wider than a team of threads, with more to pick than a team has
/// threads.
constexpr Case kCases[] = {{0, 5, 2, 1},   {3, 0, 0, 2},    {3, 5, 0, 1},   {1, 1, 1, 1},
                           {7, 31, 5, 1},  {5, 64, 9, 1},   {2, 33, 8, 7},  {2, 2053, 4, 1},
                           {3, 64, 40, 1}, {1, 4096, 3, 1}, {3, 17, 17, 33}};

/// Out of range at times.
std::vector<double> places(const Case& c) { return random_integers(c.results(), 3, -1, c.count); }

TEST(CudaGather, Elements) {
  for (const Case& c : kCases) {
    for (const DType ids : {DType::int32, DType::int64}) {
      SCOPED_TRACE(text(c.outer, " x ", c.count, " x ", c.inner));
      expect_agreement({reads(random_values(c.elements(), 1)), reads(places(c)).as(ids), writes(c.results())},
                       [&](const Stream& stream, DType dtype, const KernelPointers& p) {
                         gather_kernel(stream, {.dtype = dtype,
                                                .ids_dtype = ids,
                                                .x = p[0],
                                                .ids = p[1],
                                                .y = p[2],
                                                .outer = c.outer,
                                                .count = c.count,
                                                .picked = c.picked,
                                                .inner = c.inner});
                       },
                       {.epsilons = 0});
    }
  }
}

TEST(CudaGather, ScatterAdd) {
  for (const Case& c : kCases) {
    for (const DType ids : {DType::int32, DType::int64}) {
      SCOPED_TRACE(text(c.outer, " x ", c.count, " x ", c.inner));
      expect_agreement({reads(random_values(c.results(), 1)), reads(places(c)).as(ids),
                        updates(random_values(c.elements(), 2))},
                       [&](const Stream& stream, DType dtype, const KernelPointers& p) {
                         scatter_add_kernel(stream, {.dtype = dtype,
                                                     .ids_dtype = ids,
                                                     .updates = p[0],
                                                     .ids = p[1],
                                                     .y = p[2],
                                                     .outer = c.outer,
                                                     .count = c.count,
                                                     .picked = c.picked,
                                                     .inner = c.inner});
                       },
                       {.epsilons = 0});  // in one order, in the accumulator
    }
  }
}

TEST(CudaTopK, GreatestFirst) {
  for (const Case& c : kCases) {
    SCOPED_TRACE(text(c.outer, " x ", c.count, " x ", c.inner));
    for (const double special :
         {1.0, -std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()}) {
      std::vector<double> x = random_integers(c.elements(), 1, -8, 8);  // many are equal
      for (std::size_t i = 3; i < x.size(); i += 17) x[i] = special;
      expect_agreement({reads(x), writes(c.results()), writes(c.results()).as(DType::int64)},
                       [&](const Stream& stream, DType dtype, const KernelPointers& p) {
                         top_k_kernel(stream, {.dtype = dtype,
                                               .x = p[0],
                                               .values = p[1],
                                               .indices = p.as<std::int64_t>(2),
                                               .outer = c.outer,
                                               .count = c.count,
                                               .picked = c.picked,
                                               .inner = c.inner});
                       },
                       {.epsilons = 0});
    }
  }
}

}  // namespace
}  // namespace slipway::test
