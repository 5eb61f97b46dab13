#include "kernels/simt/runtime/control.h"
#include "tests/kernels/simt/ranks/support.h"
#include "tests/support/learning.h"

namespace slipway::test {
namespace {

class CudaRanksTraining : public CudaRanksTest {
 protected:
  /// In one process on one device.
  static Learned learn_alone(const std::string& yaml) {
    const Compute compute({.device = "cuda:0"});
    return learn(yaml, {.stream = compute.stream()});
  }
  /// By rank.
  static std::vector<Learned> learn_on_devices(int count, const std::string& yaml, bool capture) {
    const std::int64_t graphs = simt::usage().graphs;
    std::vector<Learned> learned(static_cast<std::size_t>(count));
    run_on_device_ranks(count, [&](const DeviceRank& rank) {
      learned[static_cast<std::size_t>(rank.host.rank())] =
          learn(yaml, {.stream = rank.stream, .ranks = &rank.ranks, .capture = capture});
    });
    EXPECT_EQ(simt::usage().graphs > graphs, capture);
    expect_no_findings();
    return learned;
  }

  static void expect_ranks_learn_the_same(const std::string& yaml, std::vector<int> counts) {
    const Learned alone = learn_alone(yaml);
    std::uint64_t seed = 1;
    for (const int count : counts) {
      for (const bool capture : {false, true}) {
        SCOPED_TRACE(text(count, " ranks, ", capture ? "captured" : "not captured", ", seed ", ++seed));
        restart(seed);
        const std::vector<Learned> learned = learn_on_devices(count, yaml, capture);
        expect_same(learned[0], alone, 2e-5);
        for (const Learned& other : learned) expect_same_bits(other, learned[0]);
      }
    }
  }

  static void expect_same_bits_on_any_number_of_ranks(const std::string& yaml) {
    const std::string fixed = "deterministic: ranks\n" + yaml;
    const Learned alone = learn_alone(fixed);
    expect_same(alone, learn_alone(yaml), 2e-5);
    std::uint64_t seed = 1;
    for (const int count : {1, 2, 4}) {
      SCOPED_TRACE(text(count, " ranks"));
      restart(++seed);
      for (const Learned& each : learn_on_devices(count, fixed, count != 2)) expect_same_bits(each, alone);
    }
  }
};

class CudaRanksTrainingSlow : public CudaRanksTraining {};
class CudaRanksBucketsSlow : public CudaRanksTraining {};
class CudaRanksBitsSlow : public CudaRanksTraining {};

TEST_F(CudaRanksTrainingSlow, LearnsTheSameFromImages) { expect_ranks_learn_the_same(kImages, {1, 2, 3, 4}); }
TEST_F(CudaRanksTraining, LearnsTheSameFromATable) { expect_ranks_learn_the_same(kTable, {1, 2, 3, 4}); }
TEST_F(CudaRanksBucketsSlow, LearnTheSame) { expect_ranks_learn_the_same(kWide, {2}); }
TEST_F(CudaRanksBitsSlow, AreTheSameFromImages) { expect_same_bits_on_any_number_of_ranks(kImages); }
TEST_F(CudaRanksTraining, GivesTheSameBitsFromATable) { expect_same_bits_on_any_number_of_ranks(kTable); }

TEST_F(CudaRanksTraining, LearnsTheSameInEveryOrderOfStreams) {
  const Learned alone = learn_alone(kTable);
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(text("seed ", seed));
    restart(seed);
    expect_same(learn_on_devices(2, kTable, /*capture=*/true)[1], alone, 2e-5);
  }
}

}  // namespace
}  // namespace slipway::test
