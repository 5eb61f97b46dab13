#pragma once

#include <chrono>
#include <functional>
#include <iosfwd>
#include <string>
#include <vector>

#include "tools/train/observer.h"

namespace slipway {

/// Progress for the eyes: on a terminal a bar with what is left, redrawn ten times a second at most; else a
/// line an epoch.
class ConsoleObserver : public Observer {
 public:
  struct Options {
    bool terminal = false;  // the output understands carriage returns and erasing
    bool unicode = false;
    std::function<int()> columns = [] { return 80; };  // of the terminal, now
    std::function<std::chrono::steady_clock::time_point()> now = std::chrono::steady_clock::now;
  };
  /// What standard output is.
  static Options standard_output();

  ConsoleObserver(std::ostream& out, Options options) : out_(out), options_(std::move(options)) {}

  void on_run_start(const RunInfo& info) override;
  void on_step(const StepRecord& record) override;
  void on_skipped_step(const SkippedStep& skipped) override;
  void on_validation_progress(std::int64_t done, std::int64_t total) override;
  void on_epoch_end(const EpochRecord& record) override;
  void on_run_end(const RunEnd& end) override;

 private:
  struct Bar {
    std::string label;
    std::int64_t done = 0, total = 0;
    std::vector<std::string> figures;  // the most important first
  };
  bool due();
  void draw(Bar bar);
  void erase();
  std::string epoch_label(std::int64_t epoch) const;
  double seconds_left(const StepRecord& record) const;

  std::ostream& out_;
  Options options_;
  RunInfo info_;
  std::chrono::steady_clock::time_point drawn_{};
  bool bar_on_screen_ = false;
  std::int64_t epoch_ = -1;  // of smooth_loss_
  double smooth_loss_ = 0;
};

/// 75 as "1:15", 3675 as "1:01:15".
std::string duration_text(double seconds);
/// Four significant digits, at least: 0.9843, 12.35, 1.2e-05.
std::string figure_text(double value);

}  // namespace slipway
