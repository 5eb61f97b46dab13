#include <gtest/gtest.h>

#include <limits>

#include "kernels/pool2d.h"
#include "tests/support/kernel_agreement.h"

namespace slipway::test {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kLeast = -std::numeric_limits<double>::infinity();

struct Case {
  Shape x, y;
  std::array<std::int64_t, 2> kernel;
  Window2d window;
};
std::vector<Case> cases() {
  return {{{0, 3, 4, 4}, {0, 3, 2, 2}, {2, 2}, {.stride = {2, 2}}},
          {{2, 3, 8, 8}, {2, 3, 4, 4}, {2, 2}, {.stride = {2, 2}}},
          {{3, 5, 9, 11},
           {3, 5, 5, 6},
           {3, 3},
           {.stride = {2, 2}, .padding_begin = {1, 1}, .padding_end = {1, 1}}},
          {{1, 2, 7, 6}, {1, 2, 5, 4}, {3, 3}, {}},
          {{2, 2, 6, 8},
           {2, 2, 5, 5},
           {2, 4},
           {.stride = {1, 2}, .padding_begin = {0, 2}, .padding_end = {0, 2}}},
          {{1, 1, 5, 5}, {1, 1, 2, 2}, {2, 1}, {.stride = {3, 4}}},
          {{2, 2, 5, 8}, {2, 2, 5, 10}, {2, 3}, {.padding_begin = {0, 1}, .padding_end = {1, 3}}}};
}

/// Windows whose rows are read in packs: rows of fewer elements than the widest has, of one, of some within a
/// warp, of a warp and a part, and rows that end elsewhere than the windows.
std::vector<Case> cases_of_packs() {
  constexpr Window2d kHalved{.stride = {2, 2}};
  constexpr Window2d kOverlapping{.stride = {2, 2}, .padding_begin = {1, 1}, .padding_end = {1, 1}};
  std::vector<Case> all;
  for (const std::int64_t columns : {2, 4, 6, 8, 40, 64, 300}) {
    all.push_back({{3, 2, 6, columns}, {3, 2, 3, columns / 2}, {2, 2}, kHalved});
    all.push_back({{3, 2, 5, columns}, {3, 2, 3, columns / 2}, {3, 3}, kOverlapping});
  }
  all.push_back({{0, 2, 4, 8}, {0, 2, 2, 4}, {3, 3}, kOverlapping});
  all.push_back({{2, 2, 7, 12},
                 {2, 2, 4, 6},
                 {3, 3},
                 {.stride = {2, 2}, .padding_begin = {0, 1}, .padding_end = {2, 0}}});
  all.push_back({{2, 2, 4, 8},
                 {2, 2, 3, 4},
                 {3, 3},
                 {.stride = {2, 2}, .padding_begin = {2, 1}, .padding_end = {1, 1}}});
  all.push_back({{2, 1, 5, 16}, {2, 1, 3, 8}, {2, 2}, {.stride = {2, 2}, .padding_end = {1, 0}}});
  return all;
}

std::vector<Case> all_cases() {
  std::vector<Case> all = cases(), of_packs = cases_of_packs();
  all.insert(all.end(), of_packs.begin(), of_packs.end());
  return all;
}

TEST(CudaMaxPool, ForwardAndBackward) {
  std::vector<Case> all = all_cases();
  all.push_back(
      {{1, 2, 9, 9}, {1, 2, 4, 3}, {3, 2}, {.stride = {1, 2}, .dilation = {2, 3}, .padding_begin = {0, 1}}});
  for (const Case& c : all) {
    SCOPED_TRACE(text(c.x, " to ", c.y));
    std::vector<double> x = random_integers(c.x.elements(), 1, -6, 6);  // some are equal
    if (x.size() > 20) x[20] = kNan;
    // Padding must not win over what is least, either.
    const auto columns = static_cast<std::size_t>(c.x[3]);
    for (std::size_t i = 0; i < x.size(); ++i) {
      const std::size_t column = i % columns;
      if (i < x.size() / 2 && (column < 2 || column + 2 >= columns)) x[i] = kLeast;
    }
    for (const DType index : {DType::uint8, DType::int32}) {
      expect_agreement(
          {reads(x), writes(c.y.elements()), writes(c.y.elements()).as(index), writes(c.x.elements())},
          [&](const Stream& stream, DType dtype, const KernelPointers& p) {
            const ValueType x_type(dtype, c.x), y_type(dtype, c.y), index_type(index, c.y);
            max_pool2d_forward(stream, {.x_type = x_type,
                                        .y_type = y_type,
                                        .index_type = index_type,
                                        .kernel = c.kernel,
                                        .window = c.window,
                                        .x = p[0],
                                        .y = p[1],
                                        .index = p[2]});
            max_pool2d_backward(stream, {.x_type = x_type,
                                         .y_type = y_type,
                                         .index_type = index_type,
                                         .kernel = c.kernel,
                                         .window = c.window,
                                         .dy = p[1],
                                         .index = p[2],
                                         .dx = p[3]});
          },
          {.epsilons = 2});
    }
  }
}

TEST(CudaAvgPool, ForwardAndBackward) {
  for (const Case& c : all_cases()) {
    SCOPED_TRACE(text(c.x, " to ", c.y));
    for (const bool count_include_pad : {false, true}) {
      expect_agreement({reads(random_values(c.x.elements(), 1)), writes(c.y.elements()),
                        reads(random_values(c.y.elements(), 2)), writes(c.x.elements())},
                       [&](const Stream& stream, DType dtype, const KernelPointers& p) {
                         AvgPool2dArgs args{.x_type = {dtype, c.x},
                                            .y_type = {dtype, c.y},
                                            .kernel = c.kernel,
                                            .window = c.window,
                                            .count_include_pad = count_include_pad,
                                            .from = p[0],
                                            .to = p[1]};
                         avg_pool2d_forward(stream, args);
                         args.from = p[2];
                         args.to = p[3];
                         avg_pool2d_backward(stream, args);
                       },
                       {.magnitude = 1});
    }
  }
}

TEST(CudaGlobalPool, AverageAndMaximum) {
  for (const Shape& shape : {Shape{2, 3, 1, 1}, Shape{5, 7, 4, 8}, Shape{3, 4, 7, 7}, Shape{2, 2, 60, 50}}) {
    SCOPED_TRACE(text(shape));
    const std::int64_t planes = shape[0] * shape[1];
    std::vector<double> x = random_integers(shape.elements(), 1, -50, 50);
    expect_agreement({reads(x), writes(planes), reads(random_values(planes, 2)), writes(shape.elements())},
                     [&](const Stream& stream, DType dtype, const KernelPointers& p) {
                       global_avg_pool_forward(stream, {{dtype, shape}, p[0], p[1]});
                       global_avg_pool_backward(stream, {{dtype, shape}, p[2], p[3]});
                     },
                     {.epsilons = 64, .magnitude = 1});
    x[x.size() / 2] = kNan;
    expect_agreement({reads(x), writes(planes), writes(planes).as(DType::int32),
                      reads(random_values(planes, 2)), writes(shape.elements())},
                     [&](const Stream& stream, DType dtype, const KernelPointers& p) {
                       auto* index = p.as<std::int32_t>(2);
                       global_max_pool_forward(stream, {{dtype, shape}, p[0], p[1], index});
                       global_max_pool_backward(stream, {{dtype, shape}, p[3], index, p[4]});
                     },
                     {.epsilons = 0});
  }
}

}  // namespace
}  // namespace slipway::test
