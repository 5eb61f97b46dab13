#include <gtest/gtest.h>

#include <limits>

#include "kernels/metrics.h"
#include "tests/support/kernel_agreement.h"

namespace slipway::test {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

struct Lines {
  std::int64_t outer, classes, inner;
  std::int64_t positions() const { return outer * inner; }
};
constexpr Lines kLines[] = {{0, 3, 1}, {1, 1, 1}, {37, 10, 1}, {5, 1031, 1}, {3, 4, 33}};

LabelledLogits logits(const Lines& lines, DType dtype, const KernelPointers& p) {
  return {.dtype = dtype,
          .logits = p[0],
          .labels = p.as<std::int64_t>(1),
          .outer = lines.outer,
          .classes = lines.classes,
          .inner = lines.inner,
          .ignored_label = -100};
}

/// Logits of which some are equal and some NaN; labels of which some are ignored or out of range.
std::vector<KernelArray> labelled(const Lines& lines) {
  std::vector<double> x = random_integers(lines.positions() * lines.classes, 1, -4, 4);
  for (std::size_t i = 5; i < x.size(); i += 41) x[i] = kNan;
  std::vector<double> labels = random_integers(lines.positions(), 2, -1, lines.classes);
  for (std::size_t i = 1; i < labels.size(); i += 7) labels[i] = -100;
  return {reads(x), reads(labels).as(DType::int64)};
}

TEST(CudaMetrics, TopKHits) {
  for (const Lines& lines : kLines) {
    SCOPED_TRACE(text(lines.outer, " x ", lines.classes, " x ", lines.inner));
    for (const std::int64_t k : {1, 3}) {
      std::vector<KernelArray> arrays = labelled(lines);
      arrays.push_back(writes(2).as(DType::int64));
      expect_agreement(arrays,
                       [&](const Stream& stream, DType dtype, const KernelPointers& p) {
                         top_k_hits_kernel(stream, {logits(lines, dtype, p), k, p.as<std::int64_t>(2)});
                       },
                       {.epsilons = 0});
    }
  }
}

TEST(CudaMetrics, Confusion) {
  for (const Lines& lines : kLines) {
    SCOPED_TRACE(text(lines.outer, " x ", lines.classes, " x ", lines.inner));
    std::vector<KernelArray> arrays = labelled(lines);
    arrays.push_back(scratch(lines.positions(), DType::int64));
    arrays.push_back(writes(lines.classes * lines.classes).as(DType::int64));
    expect_agreement(
        arrays,
        [&](const Stream& stream, DType dtype, const KernelPointers& p) {
          confusion_kernel(stream, {logits(lines, dtype, p), p.as<std::int64_t>(2), p.as<std::int64_t>(3)});
        },
        {.epsilons = 0});
  }
}

TEST(CudaMetrics, BinaryConfusion) {
  for (const std::int64_t count : kAwkwardCounts) {
    for (const bool whole_targets : {false, true}) {
      std::vector<double> x = random_values(count, 1);
      if (count > 3) x[2] = kNan, x[3] = 0;
      KernelArray target = reads(random_integers(count, 2, -1, 1));
      if (whole_targets) target = target.as(DType::int64);
      expect_agreement({reads(x), target, writes(4).as(DType::int64)},
                       [&](const Stream& stream, DType dtype, const KernelPointers& p) {
                         binary_confusion_kernel(stream,
                                                 {.dtype = dtype,
                                                  .target_dtype = whole_targets ? DType::int64 : dtype,
                                                  .x = p[0],
                                                  .target = p[1],
                                                  .count = count,
                                                  .ignored_label = -1,
                                                  .counts = p.as<std::int64_t>(2)});
                       },
                       {.epsilons = 0});
    }
  }
}

TEST(CudaMetrics, ErrorSums) {
  struct Table {
    std::int64_t rows, columns;
  };
  for (const Table& table : {Table{0, 3}, Table{1, 1}, Table{1000, 1}, Table{333, 5}, Table{40, 70}}) {
    const std::int64_t count = table.rows * table.columns;
    for (const bool whole_targets : {false, true}) {
      KernelArray target = reads(random_integers(count, 2, -3, 3));
      if (whole_targets) target = target.as(DType::int64);
      expect_agreement({reads(random_values(count, 1)), target, writes(5 * table.columns).as(DType::float64)},
                       [&](const Stream& stream, DType dtype, const KernelPointers& p) {
                         error_sums_kernel(stream, {.dtype = dtype,
                                                    .target_dtype = whole_targets ? DType::int64 : dtype,
                                                    .x = p[0],
                                                    .target = p[1],
                                                    .rows = table.rows,
                                                    .columns = table.columns,
                                                    .sums = p.as<double>(2)});
                       },
                       {.epsilons = 1024, .magnitude = 1});
    }
  }
}

}  // namespace
}  // namespace slipway::test
