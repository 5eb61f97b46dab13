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

}  // namespace
}  // namespace slipway
