#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "kernels/cross_entropy.h"
#include "kernels/softmax.h"
#include "tests/support/kernel_agreement.h"

namespace slipway::test {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct Lines {
  std::int64_t outer, size, inner;
  std::int64_t elements() const { return outer * size * inner; }
};
/// Rows of one warp, of several, with and without whole packs, too long to be kept; and columns.
constexpr Lines kLines[] = {{0, 5, 1},     {5, 0, 1},     {3, 5, 0},   {1, 1, 1},    {9, 10, 1},
                            {130, 64, 1},  {5, 33, 1},    {7, 768, 1}, {3, 1031, 1}, {2, 4096, 1},
                            {2, 20001, 1}, {1, 32768, 1}, {2, 5, 33},  {3, 40, 7},   {1, 3, 700}};

/// Rows of simulated GPUs that are too long for registers, and for registers and shared memory together.
struct LongRow {
  std::int64_t size;
  DType dtype;
};
constexpr LongRow kLongRows[] = {
    {8196, DType::float32}, {69636, DType::float32}, {16392, DType::bfloat16}, {139272, DType::bfloat16}};
/// The same where two rows are held at once.
constexpr LongRow kLongPairs[] = {{32772, DType::float32}, {65544, DType::bfloat16}};

class CudaSoftmax : public testing::TestWithParam<SoftmaxKind> {};
INSTANTIATE_TEST_SUITE_P(Kinds, CudaSoftmax, testing::Values(SoftmaxKind::softmax, SoftmaxKind::log_softmax));

void expect_forward_agrees(SoftmaxKind kind, const Lines& lines, const std::vector<DType>& dtypes) {
  SCOPED_TRACE(text(lines.outer, " x ", lines.size, " x ", lines.inner));
  expect_agreement({updates(random_values(lines.elements(), 1, -20, 20))},
                   [&](const Stream& stream, DType dtype, const KernelPointers& p) {
                     softmax_forward(stream, {.dtype = dtype,
                                              .kind = kind,
                                              .x = p[0],
                                              .y = p[0],
                                              .outer = lines.outer,
                                              .axis = lines.size,
                                              .inner = lines.inner});
                   },
                   {.epsilons = 256, .magnitude = kind == SoftmaxKind::softmax ? 1e-6 : 1, .dtypes = dtypes});
}

TEST_P(CudaSoftmax, Forward) {
  for (const Lines& lines : kLines) expect_forward_agrees(GetParam(), lines, Agreement().dtypes);
  for (const LongRow& row : kLongRows) expect_forward_agrees(GetParam(), {1, row.size, 1}, {row.dtype});
}

TEST_P(CudaSoftmax, SpecialValues) {
  for (const std::vector<double>& row : {std::vector<double>{1, kNan, 2, 3},
                                         {-kInfinity, -kInfinity, -kInfinity, 5},
                                         {-kInfinity, -kInfinity, -kInfinity, -kInfinity},
                                         {kInfinity, 1, 2, 3}}) {
    for (const std::int64_t inner : {1, 2}) {
      expect_agreement({reads(row), writes(4)},
                       [&](const Stream& stream, DType dtype, const KernelPointers& p) {
                         softmax_forward(stream, {.dtype = dtype,
                                                  .kind = GetParam(),
                                                  .x = p[0],
                                                  .y = p[1],
                                                  .outer = 1,
                                                  .axis = 4 / inner,
                                                  .inner = inner});
                       });
    }
  }
}

void expect_backward_agrees(SoftmaxKind kind, const Lines& lines, const std::vector<DType>& dtypes) {
  SCOPED_TRACE(text(lines.outer, " x ", lines.size, " x ", lines.inner));
  expect_agreement(
      {updates(random_values(lines.elements(), 1)), reads(random_values(lines.elements(), 2, 0, 0.1))},
      [&](const Stream& stream, DType dtype, const KernelPointers& p) {
        softmax_backward(stream, {.dtype = dtype,
                                  .kind = kind,
                                  .dy = p[0],
                                  .y = p[1],
                                  .dx = p[0],
                                  .outer = lines.outer,
                                  .axis = lines.size,
                                  .inner = lines.inner});
      },
      {.epsilons = 16, .magnitude = 2 * std::sqrt(static_cast<double>(lines.size)) + 1, .dtypes = dtypes});
}

TEST_P(CudaSoftmax, Backward) {
  for (const Lines& lines : kLines) expect_backward_agrees(GetParam(), lines, Agreement().dtypes);
  for (const LongRow& row : kLongPairs) expect_backward_agrees(GetParam(), {1, row.size, 1}, {row.dtype});
}

struct LossSetting {
  bool weighted = false;
  double smoothing = 0;
  bool with_gradient = true;
};

KernelCall cross_entropy_call(const Lines& lines, const LossSetting& setting) {
  return [=](const Stream& stream, DType dtype, const KernelPointers& p) {
    cross_entropy_kernel(stream, {.dtype = dtype,
                                  .x = p[0],
                                  .labels = p.as<std::int64_t>(1),
                                  .weights = setting.weighted ? p[2] : nullptr,
                                  .loss = p[3],
                                  .dx = setting.with_gradient ? p[0] : nullptr,
                                  .outer = lines.outer,
                                  .classes = lines.size,
                                  .inner = lines.inner,
                                  .ignored_label = -100,
                                  .smoothing = setting.smoothing,
                                  .partial = p.as<double>(4)});
  };
}

std::vector<KernelArray> cross_entropy_arrays(const Lines& lines, std::vector<double> labels) {
  return {updates(random_values(lines.elements(), 1, -5, 5)), reads(std::move(labels)).as(DType::int64),
          reads(random_values(lines.size, 2, 0.5, 2)), writes(1),
          scratch(2 * CrossEntropyArgs::kParts, DType::float64)};
}

TEST(CudaCrossEntropy, LossAndGradient) {
  for (const Lines& lines : kLines) {
    if (lines.size == 0) continue;
    SCOPED_TRACE(text(lines.outer, " x ", lines.size, " x ", lines.inner));
    std::vector<double> labels = random_integers(lines.outer * lines.inner, 3, 0, lines.size - 1);
    for (std::size_t i = 2; i < labels.size(); i += 5) labels[i] = -100;
    for (const LossSetting& setting :
         {LossSetting{}, LossSetting{.with_gradient = false}, LossSetting{.smoothing = 0.1},
          LossSetting{.weighted = true, .smoothing = 0.2}, LossSetting{.weighted = true},
          LossSetting{.smoothing = 0.1, .with_gradient = false}}) {
      expect_agreement(cross_entropy_arrays(lines, labels), cross_entropy_call(lines, setting),
                       {.epsilons = 32, .magnitude = 1.0 / static_cast<double>(labels.size() + 1)});
    }
  }
}

TEST(CudaCrossEntropy, LongRows) {
  for (const LongRow& row : kLongRows) {
    SCOPED_TRACE(text(row.size));
    const Lines lines{1, row.size, 1};
    expect_agreement(cross_entropy_arrays(lines, {static_cast<double>(row.size - 1)}),
                     cross_entropy_call(lines, {.weighted = true, .smoothing = 0.2}),
                     {.epsilons = 32, .magnitude = 0.5, .dtypes = {row.dtype}});
  }
}

TEST(CudaCrossEntropy, ManyPositions) {
  const Lines rows{20011, 3, 1}, columns{3, 3, 100003};
  for (const Lines& lines : {rows, columns}) {
    expect_agreement(cross_entropy_arrays(lines, random_integers(lines.outer * lines.inner, 3, 0, 2)),
                     cross_entropy_call(lines, {}),
                     {.epsilons = 64, .magnitude = 1e-5, .dtypes = {DType::float32}});
  }
}

TEST(CudaCrossEntropy, LabelOutOfRangeMakesAllNan) {
  for (const Lines& lines : {Lines{4, 5, 1}, Lines{2, 5, 2}}) {
    expect_agreement(cross_entropy_arrays(lines, {1, 7, 0, -100}), cross_entropy_call(lines, {}));
    expect_agreement(cross_entropy_arrays(lines, {1, -1, 0, 2}), cross_entropy_call(lines, {}));
    expect_agreement(cross_entropy_arrays(lines, {-100, -100, -100, -100}), cross_entropy_call(lines, {}));
  }
}

}  // namespace
}  // namespace slipway::test
