#include <gtest/gtest.h>

#include <limits>

#include "kernels/binary.h"
#include "tests/support/kernel_agreement.h"

namespace slipway::test {
namespace {

constexpr BinaryFunction kFunctions[] = {
    BinaryFunction::add,     BinaryFunction::subtract, BinaryFunction::multiply,      BinaryFunction::divide,
    BinaryFunction::maximum, BinaryFunction::minimum,  BinaryFunction::maximum_share, BinaryFunction::equal};

struct Case {
  Shape shape;
  Dims a_strides, b_strides;
  std::int64_t a_count, b_count;
};

const std::vector<Case>& cases() {
  static const std::vector<Case> all = {
      {{}, {}, {}, 1, 1},
      {{0, 3}, {3, 1}, {3, 1}, 0, 0},
      {{1031}, {1}, {1}, 1031, 1031},
      {{1024}, {1}, {0}, 1024, 1},
      {{1024}, {0}, {1}, 1, 1024},
      {{6, 32}, {32, 1}, {0, 1}, 192, 32},         // a row repeats
      {{6, 32}, {32, 1}, {1, 0}, 192, 6},          // a column repeats
      {{5, 7, 9}, {63, 9, 1}, {0, 1, 0}, 315, 7},  // a channel's value
      {{5, 1, 9}, {9, 9, 1}, {0, 0, 1}, 45, 9},
      {{3, 4, 5, 6}, {0, 30, 6, 1}, {120, 0, 0, 1}, 120, 366},
      {{4, 16}, {1, 4}, {16, 1}, 64, 64},  // a is transposed
      {{2, 3, 2, 2, 2, 3, 2, 2}, {144, 48, 24, 12, 6, 2, 1, 0}, {1, 0, 2, 0, 4, 0, 8, 16}, 288, 64},
  };
  return all;
}

KernelCall call_of(const Case& c, BinaryFunction function) {
  return [&c, function](const Stream& stream, DType dtype, const KernelPointers& p) {
    binary(stream, {.function = function,
                    .dtype = dtype,
                    .a = p[0],
                    .b = p[1],
                    .y = p[2],
                    .shape = c.shape,
                    .a_strides = c.a_strides,
                    .b_strides = c.b_strides});
  };
}

TEST(CudaBinary, Broadcasts) {
  for (const Case& c : cases()) {
    SCOPED_TRACE(text(c.shape, c.a_strides, c.b_strides));
    std::vector<double> a = random_values(c.a_count, 1), b = random_values(c.b_count, 2, 0.5, 2);
    if (a.size() > 4) a[1] = std::numeric_limits<double>::quiet_NaN(), a[2] = b[0];
    for (const BinaryFunction function : kFunctions) {
      expect_agreement({reads(a), reads(b), writes(c.shape.elements())}, call_of(c, function),
                       {.epsilons = 1});
    }
  }
}

TEST(CudaBinary, IntegersWrapAroundAndDivideWithoutTraps) {
  for (const Case& c : cases()) {
    std::vector<double> a = random_integers(c.a_count, 1, -9, 9), b = random_integers(c.b_count, 2, -3, 3);
    if (!a.empty()) a[0] = -2147483648.0;
    if (!b.empty()) b[0] = -1;
    for (const BinaryFunction function : kFunctions) {
      expect_agreement({reads(a), reads(b), writes(c.shape.elements())}, call_of(c, function),
                       {.epsilons = 0, .dtypes = {DType::int32, DType::int64}});
    }
  }
}

}  // namespace
}  // namespace slipway::test
