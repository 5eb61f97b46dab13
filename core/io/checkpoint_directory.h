#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/io/checkpoint.h"

namespace slipway {

/// The checkpoints of one run: step_000001875.h5 and so on, with the links last.h5 and best.h5 to two of
/// them. Each save is a transaction: killed at any moment, a run has the checkpoints of before or after it.
class CheckpointDirectory {
 public:
  struct Retention {
    std::int64_t last = 2;   // how many of the newest stay; the second is for when the first gets damaged
    std::int64_t every = 0;  // besides, those whose step is a multiple of this stay for good; 0: none do
  };
  using Warn = std::function<void(const std::string&)>;

  /// The directory is made by the first save.
  explicit CheckpointDirectory(std::string path) : path_(std::move(path)) {}
  CheckpointDirectory(std::string path, const Retention& retention)
      : path_(std::move(path)), retention_(retention) {}

  /// Writes a checkpoint, then removes those that need not stay. That of progress.best_step always stays, and
  /// is what best.h5 leads to. Returns the path.
  std::string save(const Checkpoint& checkpoint);

  struct Found {
    std::string path;
    Checkpoint checkpoint;
  };
  /// The newest checkpoint that is whole; what `warn` gets to hear of was not. None if there are none at all;
  /// if none is whole, that is a UserError.
  std::optional<Found> newest(const Warn& warn) const;
  /// The files, oldest first.
  std::vector<std::string> files() const;
  std::string last() const { return path_ + "/last.h5"; }
  std::string best() const { return path_ + "/best.h5"; }

 private:
  void link(const std::string& link, const std::string& target) const;
  void remove_superseded(const Progress& progress) const;

  std::string path_;
  Retention retention_;
};

}  // namespace slipway
