#include "kernels/simt/runtime/control.h"
#include "tests/kernels/simt/ranks/support.h"
#include "tests/support/learning.h"

namespace slipway::test {
namespace {

/// Gradients of a bit more than the least that a bucket holds.
constexpr const char* kTwoBuckets = R"(
data:
  train: {random: {shape: [16], classes: 3, samples: 5}}
model: [linear: 1100, relu, linear: 960, relu, linear: 3]
loss: cross_entropy
metrics: [accuracy]
train: {batch_size: 5, optimizer: {sgd: {learning_rate: 0.01, momentum: 0.9}}}
)";

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

  struct Way {
    int ranks;
    bool capture;
  };
  static void expect_ranks_learn_the_same(const std::string& yaml, const std::vector<Way>& ways) {
    const Learned alone = learn_alone(yaml);
    std::uint64_t seed = 1;
    for (const auto& [count, capture] : ways) {
      SCOPED_TRACE(text(count, " ranks, ", capture ? "captured" : "not captured", ", seed ", ++seed));
      restart(seed);
      const std::vector<Learned> learned = learn_on_devices(count, yaml, capture);
      expect_same(learned[0], alone, 2e-5);
      for (const Learned& other : learned) expect_same_bits(other, learned[0]);
    }
  }

  static void expect_same_bits_on_any_number_of_ranks(const std::string& yaml,
                                                      const std::vector<int>& counts) {
    const std::string fixed = "deterministic: ranks\n" + yaml;
    const Learned alone = learn_alone(fixed);
    std::uint64_t seed = 1;
    for (const int count : counts) {
      SCOPED_TRACE(text(count, " ranks"));
      restart(++seed);
      for (const Learned& each : learn_on_devices(count, fixed, count != 2)) expect_same_bits(each, alone);
    }
  }
};

class CudaRanksTrainingSlow : public CudaRanksTraining {};
class CudaRanksBucketsSlow : public CudaRanksTraining {};
class CudaRanksBitsSlow : public CudaRanksTraining {};

TEST_F(CudaRanksTrainingSlow, LearnsTheSameFromImages) {
  expect_ranks_learn_the_same(kImages, {{2, true}, {3, false}, {4, true}});
}
TEST_F(CudaRanksTraining, LearnsTheSameFromATable) {
  expect_ranks_learn_the_same(
      kTable, {{1, false}, {1, true}, {2, false}, {2, true}, {3, false}, {3, true}, {4, false}, {4, true}});
}
TEST_F(CudaRanksTraining, LearnsTheSameWithDividedState) {
  expect_ranks_learn_the_same(with_setting(kTable, "shard_optimizer: true"),
                              {{1, true}, {2, false}, {2, true}, {3, true}, {4, true}});
}
TEST_F(CudaRanksTraining, GivesTheSameBitsWithDividedState) {
  expect_same_bits_on_any_number_of_ranks(with_setting(kTable, "shard_optimizer: true"), {2, 4});
}
TEST_F(CudaRanksBucketsSlow, LearnTheSameWithDividedState) {
  expect_ranks_learn_the_same(with_setting(kTwoBuckets, "shard_optimizer: true"), {{2, true}});
}
TEST_F(CudaRanksBucketsSlow, LearnTheSame) { expect_ranks_learn_the_same(kTwoBuckets, {{2, true}}); }

TEST_F(CudaRanksBitsSlow, AreTheSameFromImages) { expect_same_bits_on_any_number_of_ranks(kImages, {2, 4}); }
TEST_F(CudaRanksTraining, GivesTheSameBitsFromATable) {
  expect_same_bits_on_any_number_of_ranks(kTable, {1, 2, 4});
}

TEST_F(CudaRanksTraining, LearnsTheSameInEveryOrderOfStreams) {
  const Learned alone = learn_alone(kTable);
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(text("seed ", seed));
    restart(seed);
    const std::string yaml = seed % 2 ? kTable : with_setting(kTable, "shard_optimizer: true");
    expect_same(learn_on_devices(2, yaml, /*capture=*/true)[1], alone, 2e-5);
  }
}

}  // namespace
}  // namespace slipway::test
