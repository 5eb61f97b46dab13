#include "core/comm/deadline.h"

#include <gtest/gtest.h>

#include <future>

namespace slipway {
namespace {

using namespace std::chrono_literals;

TEST(Deadline, CallsWhenItIsMissed) {
  std::promise<void> missed;
  const Deadline deadline(1ms, [&] { missed.set_value(); });
  missed.get_future().wait();
}

TEST(Deadline, DoesNotCallWhenItIsMet) {
  bool missed = false;
  {
    const Deadline deadline(1h, [&] { missed = true; });
  }  // and does not wait for it either
  EXPECT_FALSE(missed);
}

TEST(Deadline, EndsAProcessThatWaitsForRanks) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        const Deadline deadline = exit_unless_ranks_come(1ms, "MPI_Init");
        std::promise<void>().get_future().wait();
      },
      testing::ExitedWithCode(1), "slipway: in MPI_Init: waited 0.001 s for the other ranks");
}

}  // namespace
}  // namespace slipway
