#pragma once

#include <optional>
#include <string>

namespace slipway {

/// The directory of one training run, and where everything in it lies. While it is held, no other trainer can
/// hold it.
class RunDirectory {
 public:
  /// Makes ROOT/NAME, or where that exists already NAME_2, NAME_3, ... It remembers the job that began it, if
  /// that has a name.
  static RunDirectory create(const std::string& root, const std::string& name, const std::string& job = "");
  /// The run that create() made last under this name; none if there is none. One that another process trains
  /// in is a UserError.
  static std::optional<RunDirectory> resume(const std::string& root, const std::string& name);
  /// The run of this name that a job has created; none if it was not yet so far.
  static std::optional<RunDirectory> begun_by(const std::string& job, const std::string& root,
                                              const std::string& name);
  /// A run by its path.
  static RunDirectory open(const std::string& path);

  RunDirectory(RunDirectory&& other) noexcept;
  RunDirectory& operator=(RunDirectory&&) = delete;
  ~RunDirectory();

  const std::string& path() const { return path_; }
  std::string name() const;
  std::string config() const { return path_ + "/config.yaml"; }
  std::string checkpoints() const { return path_ + "/checkpoints"; }
  std::string metrics_csv() const { return path_ + "/metrics.csv"; }
  std::string metrics_jsonl() const { return path_ + "/metrics.jsonl"; }
  /// The implementations that the run chose by measuring.
  std::string tuner() const { return path_ + "/tuner.tsv"; }
  std::string report() const { return path_ + "/report.html"; }
  std::string tensorboard() const { return path_ + "/tensorboard"; }

  /// Writes config.yaml.
  void write_config(const std::string& yaml) const;

 private:
  RunDirectory(std::string path, int lock) : path_(std::move(path)), lock_(lock) {}

  std::string path_;
  int lock_ = -1;  // an open file, locked
};

/// The checkpoint that a user means by a path: a checkpoint's file, or a run, whose best one it is, or else
/// its last. Anything else is a UserError.
std::string find_checkpoint(const std::string& run_or_file);

}  // namespace slipway
