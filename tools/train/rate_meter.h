#pragma once

#include <chrono>
#include <cstdint>

namespace slipway {

/// How fast a count grows, over the last few seconds.
class RateMeter {
 public:
  using Time = std::chrono::steady_clock::time_point;

  void restart(std::int64_t count, Time now) {
    count_ = count;
    since_ = now;
    rate_ = 0;
  }
  /// Counts a second; 0 until there is something to go by.
  double rate(std::int64_t count, Time now) {
    constexpr double kWindow = 3, kEnough = 0.2;  // seconds
    const double elapsed = std::chrono::duration<double>(now - since_).count();
    if (elapsed < kEnough) return rate_;
    const double rate = static_cast<double>(count - count_) / elapsed;
    if (elapsed > kWindow) restart(count, now);
    return rate_ = rate;
  }

 private:
  std::int64_t count_ = 0;
  Time since_{};
  double rate_ = 0;
};

}  // namespace slipway
