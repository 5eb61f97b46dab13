#include "core/comm/rank_memory.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

namespace slipway::test {
namespace {

constexpr std::size_t kBytes = 100'000;

struct Ranks {
  RankMemory first{kBytes}, second{kBytes};
  std::vector<RankMemory::Address> addresses{first.address(), second.address()};
};

TEST(RankMemory, IsTheSameForAll) {
  Ranks ranks;
  ASSERT_TRUE(ranks.first.find(ranks.addresses));
  ASSERT_TRUE(ranks.second.find(ranks.addresses));
  for (const int rank : {0, 1}) {
    EXPECT_EQ(ranks.second.of(rank)[kBytes - 1], std::byte{0});
    std::memset(ranks.first.of(rank), 7 + rank, kBytes);
  }
  for (const int rank : {0, 1}) EXPECT_EQ(static_cast<int>(ranks.second.of(rank)[kBytes - 1]), 7 + rank);
}

TEST(RankMemory, WhatIsSomethingElseIsNotTouched) {
  for (const auto& change : std::vector<void (*)(RankMemory::Address&)>{
           [](RankMemory::Address& address) { address.descriptor = -1; },
           [](RankMemory::Address& address) { address.descriptor = 1000; },
           [](RankMemory::Address& address) { address.process = 0; },
           [](RankMemory::Address& address) { ++address.inode; },
       }) {
    Ranks ranks;
    change(ranks.addresses[1]);
    EXPECT_FALSE(ranks.first.find(ranks.addresses));
  }
  const RankMemory small(kBytes - 1);
  Ranks ranks;
  ranks.addresses[1] = small.address();
  EXPECT_FALSE(ranks.first.find(ranks.addresses));
}

}  // namespace
}  // namespace slipway::test
