#pragma once

#include <array>
#include <csignal>

namespace slipway {

/// While it lives, the first SIGINT, SIGTERM or SIGUSR1 is noted instead of ending the process, so that a
/// step can be finished and saved; a second one ends it at once.
class StopSignals {
 public:
  StopSignals();
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  static constexpr std::array<int, 3> kSignals = {SIGINT, SIGTERM, SIGUSR1};  // the last: a cluster's warning

  /// The signal that arrived, or 0.
  int received() const;
  /// "SIGINT"
  static const char* name(int signal);

 private:
  std::array<struct sigaction, kSignals.size()> previous_{};
};

}  // namespace slipway
