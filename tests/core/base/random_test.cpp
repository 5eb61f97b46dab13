#include "core/base/random.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace slipway {
namespace {

// The known answers that Salmon et al. publish with their Random123 library.
TEST(Philox, GivesThePublishedWords) {
  EXPECT_EQ((Philox{0, 0}(0)), (Philox::Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  const std::uint64_t ones = ~std::uint64_t{0};
  EXPECT_EQ((Philox{ones, ones}(ones)), (Philox::Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  const Philox pi{.key = 0x299f31d0a4093822, .stream = 0x0370734413198a2e};
  EXPECT_EQ(pi(0x85a308d3243f6a88), (Philox::Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(RandomSequence, DrawsFromTheWholeRange) {
  RandomSequence random({random_key(1, "test"), 0});
  std::vector<int> counts(7);
  double sum = 0, squares = 0;
  const int draws = 70000;
  for (int i = 0; i < draws; ++i) {
    ++counts[random.below(7)];
    const double x = random.normal();
    sum += x;
    squares += x * x;
    const double u = random.uniform();
    ASSERT_GE(u, 0.0);
    ASSERT_LT(u, 1.0);
  }
  // Five standard deviations of a binomial, a mean and a variance.
  for (int count : counts) EXPECT_NEAR(count, draws / 7.0, 5 * std::sqrt(draws * (1 / 7.0) * (6 / 7.0)));
  EXPECT_NEAR(sum / draws, 0, 5 / std::sqrt(draws));
  EXPECT_NEAR(squares / draws, 1, 5 * std::sqrt(2.0 / draws));
}

TEST(RandomSequence, DrawsManyWordsAsOneByOne) {
  RandomSequence bulk({.key = 7, .stream = 9}), single({.key = 7, .stream = 9});
  for (const std::size_t count : {3, 0, 64, 1, 200, 4, 129, 1000}) {
    std::vector<std::uint32_t> words(count);
    bulk.words(words);
    for (std::size_t i = 0; i < count; ++i) ASSERT_EQ(words[i], single.word()) << count << ' ' << i;
  }
}

TEST(RandomKey, DependsOnSeedAndPurpose) {
  EXPECT_EQ(random_key(1, "shuffle"), random_key(1, "shuffle"));
  EXPECT_NE(random_key(1, "shuffle"), random_key(2, "shuffle"));
  EXPECT_NE(random_key(1, "shuffle"), random_key(1, "dropout"));
}

}  // namespace
}  // namespace slipway
