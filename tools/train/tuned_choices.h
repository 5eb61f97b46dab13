#pragma once

#include <string>

#include "core/runtime/tuner.h"

namespace slipway {

/// What the processor calls itself: "Intel(R) Xeon(R) Platinum 8481C".
std::string processor_name();

/// Where the fastest implementations found by measuring are remembered: for all runs on machines of this kind
/// in the user's cache directory, and for one run in its directory, so that it makes the same choices, and
/// computes the same bits, when it is resumed.
class TunedChoices {
 public:
  /// Reads the file in the cache directory, if there is one.
  TunedChoices();
  /// `cache` is that file's path; "" for none.
  explicit TunedChoices(std::string cache);

  Tuner* tuner() { return &tuner_; }
  /// Takes the choices of a run's file, if there is one, before any others.
  void load(const std::string& run_file) { tuner_.load(run_file); }
  /// Writes what was measured to the cache directory, where that is possible.
  void save() const;

  /// $XDG_CACHE_HOME/slipway/tuner-PROCESSOR.tsv, or below ~/.cache; "" if neither variable is set.
  static std::string cache_file();

 private:
  std::string cache_;
  Tuner tuner_;
};

}  // namespace slipway
