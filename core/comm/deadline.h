#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace slipway {

/// Calls `missed`, in a thread of its own, unless it is destroyed within `time`: for calls into libraries
/// that may wait forever and that nobody can interrupt.
class Deadline {
 public:
  Deadline(std::chrono::milliseconds time, std::function<void()> missed)
      : thread_([this, until = std::chrono::steady_clock::now() + time, missed = std::move(missed)] {
          std::unique_lock lock(mutex_);
          if (!met_.wait_until(lock, until, [this] { return over_; })) missed();
        }) {}
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;
  ~Deadline() {
    {
      const std::unique_lock lock(mutex_);
      over_ = true;
    }
    met_.notify_all();
    thread_.join();
  }

 private:
  std::mutex mutex_;
  std::condition_variable met_;
  bool over_ = false;
  std::thread thread_;  // the last: it uses the others
};

/// Ends this process where a call that waits for all ranks, named by `call`, does not return in time, on
/// which the launcher ends the others.
Deadline exit_unless_ranks_come(std::chrono::milliseconds timeout, const char* call);

}  // namespace slipway
