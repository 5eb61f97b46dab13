#include "tools/bench/kernel_counts.h"

#include <gtest/gtest.h>

#include <sstream>

namespace slipway {
namespace {

/// A kernel that reads and writes 32000 bytes with nothing to spare.
KernelTraffic spotless(const std::string& name) {
  return {.kernel = "slipway::cuda::" + name + "<float>",
          .block_threads = 256,
          .distinct_bytes_read = 16000,
          .distinct_bytes_written = 16000,
          .sectors = 1000,
          .fewest_sectors = 1000,
          .moved_sectors = 1000,
          .bank_steps = 10,
          .fewest_bank_steps = 10,
          .lanes = 90,
          .lane_slots = 100};
}

CaseCounts counts_of(const KernelTraffic& kernel, const std::string& note = {}) {
  return {.what = {.slot = "softmax_forward", .what = "float32", .note = note},
          .least_bytes = 32000,
          .kernels = {kernel}};
}

std::string printed(const CaseCounts& counts, const ResourceTable& resources) {
  std::ostringstream out;
  write_counts(out, {counts}, resources);
  return out.str();
}

TEST(KernelCounts, TargetsOfMemory) {
  KernelTraffic kernel = spotless("rows");
  EXPECT_FALSE(misses(counts_of(kernel), kernel));
  kernel.moved_sectors = 1050;
  EXPECT_FALSE(misses(counts_of(kernel), kernel));
  kernel.moved_sectors = 1051;
  EXPECT_TRUE(misses(counts_of(kernel), kernel));
  kernel = spotless("rows");
  kernel.sectors = 1060;
  EXPECT_TRUE(misses(counts_of(kernel), kernel));
}

TEST(KernelCounts, MemoryIsNotJudgedWhereArithmeticLimits) {
  KernelTraffic kernel = spotless("product");
  kernel.moved_sectors = 5000;
  CaseCounts counts = counts_of(kernel);
  counts.operations = 1e9;
  EXPECT_FALSE(misses(counts, kernel));
  kernel.bank_steps = 11;
  EXPECT_TRUE(misses(counts, kernel));
}

TEST(KernelCounts, NorOfAKernelThatMovesLittle) {
  KernelTraffic large = spotless("rows"), small = spotless("finish");
  large.moved_sectors = large.sectors = 4000;
  large.distinct_bytes_read = 112000;
  small.moved_sectors = 200;
  small.distinct_bytes_read = small.distinct_bytes_written = 8;
  CaseCounts counts = counts_of(large);
  counts.kernels.push_back(small);
  EXPECT_FALSE(misses(counts, counts.kernels.back()));
  counts.kernels.back().moved_sectors = 300;
  EXPECT_TRUE(misses(counts, counts.kernels.back()));
}

TEST(KernelCounts, NorOfOneThatItsLaunchLimits) {
  KernelTraffic kernel = spotless("adjust");
  kernel.distinct_bytes_read = kernel.distinct_bytes_written = 8;
  kernel.moved_sectors = 127;
  EXPECT_FALSE(misses(counts_of(kernel), kernel));
  EXPECT_NE(printed(counts_of(kernel), {}).find("| 254.00 (b) |"), std::string::npos);
  kernel.bank_steps = 11;
  EXPECT_TRUE(misses(counts_of(kernel), kernel));
  kernel = spotless("adjust");
  kernel.distinct_bytes_read = kernel.distinct_bytes_written = 8;
  kernel.moved_sectors = 128;
  EXPECT_TRUE(misses(counts_of(kernel), kernel));
  EXPECT_EQ(printed(counts_of(kernel), {}).find("(b)"), std::string::npos);
}

TEST(KernelCounts, ATableWithWhatWasCompiled) {
  const std::string text =
      printed(counts_of(spotless("rows")),
              {{"slipway::cuda::rows<float>", {.registers = 40, .static_shared_bytes = 128}},
               {"slipway::cuda::rows<double>", {.registers = 70}},
               {"slipway::cuda::idle_one", {.registers = 8, .spilled_bytes = 4}}});
  EXPECT_NE(
      text.find(
          "| softmax_forward: float32 | rows | 256 | 40 | 0 | 128 | 1.00 | 1.00 | 100 % | 1.00 | 10 % |\n"),
      std::string::npos)
      << text;
  EXPECT_NE(text.find("No kernel misses a target."), std::string::npos) << text;
  EXPECT_NE(text.find("2 kernels in 3 instances"), std::string::npos) << text;
  EXPECT_NE(text.find("1 of these spill registers, none needs more than 70"), std::string::npos) << text;
  EXPECT_NE(text.find("Not in the table: idle_one."), std::string::npos) << text;
}

TEST(KernelCounts, MissesWithTheirReason) {
  KernelTraffic kernel = spotless("rows");
  kernel.moved_sectors = 1500;
  const std::string text = printed(counts_of(kernel, "Rows are read twice."), {});
  EXPECT_NE(text.find("| rows \\* | 256 | - | - | - | 1.50 | 1.50 |"), std::string::npos) << text;
  EXPECT_NE(text.find("- rows: Rows are read twice.\n"), std::string::npos) << text;
}

}  // namespace
}  // namespace slipway
