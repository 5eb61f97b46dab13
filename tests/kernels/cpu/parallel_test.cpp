#include "kernels/cpu/parallel.h"

#include <gtest/gtest.h>

#include <array>
#include <vector>

namespace slipway::cpu {
namespace {

const Stream kTwoThreads{.threads = 2};

TEST(Parallel, CoversEveryIndexOnce) {
  for (const std::int64_t count : {0, 1, 15, 33, 1000}) {
    std::vector<int> chunked(static_cast<std::size_t>(count)), single(chunked);
    parallel_for(kTwoThreads, count, 4, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) ++chunked[static_cast<std::size_t>(i)];
    });
    parallel_each(kTwoThreads, count, [&](std::int64_t i) { ++single[static_cast<std::size_t>(i)]; });
    EXPECT_EQ(chunked, std::vector<int>(static_cast<std::size_t>(count), 1));
    EXPECT_EQ(single, chunked);
  }
}

// A body that threads share has its captured values read again after every store, and its loops not
// vectorised.
TEST(Parallel, GivesEachThreadItsOwnBody) {
  const int captured = 1;
  std::array<const int*, 2> places{};
  parallel_for(kTwoThreads, 64, 1,
               [=, &places](std::int64_t begin, std::int64_t) { places[begin > 0 ? 1 : 0] = &captured; });
  EXPECT_NE(places[0], nullptr);
  EXPECT_NE(places[0], places[1]);
  places = {};
  parallel_each(kTwoThreads, 2,
                [=, &places](std::int64_t i) { places[static_cast<std::size_t>(i)] = &captured; });
  EXPECT_NE(places[0], nullptr);
  EXPECT_NE(places[0], places[1]);
}

}  // namespace
}  // namespace slipway::cpu
