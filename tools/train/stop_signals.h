#pragma once

#include <array>
#include <csignal>

namespace slipway {

/// While it lives, the first SIGINT or SIGTERM is noted instead of ending the process, so that a step can be
/// finished and saved; a second one ends it at once.
class StopSignals {
 public:
  StopSignals();
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  /// The signal that arrived, or 0.
  int received() const;
  /// "SIGINT"
  static const char* name(int signal);

 private:
  static constexpr std::array<int, 2> kSignals = {SIGINT, SIGTERM};
  std::array<struct sigaction, kSignals.size()> previous_{};
};

}  // namespace slipway
