#pragma once

#include <chrono>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "tools/train/observer.h"
#include "tools/train/observers/history.h"

namespace slipway {

/// metrics.jsonl grows by a line a record as the run goes (see RunHistory); metrics.csv has a row an epoch
/// and is replaced as a whole. A resumed run continues both as if it had not stopped.
class MetricsFilesObserver : public Observer {
 public:
  using Clock = std::function<std::chrono::steady_clock::time_point()>;
  MetricsFilesObserver(std::string csv, std::string jsonl, Clock now = std::chrono::steady_clock::now)
      : csv_(std::move(csv)), jsonl_(std::move(jsonl)), now_(std::move(now)) {}

  void on_run_start(const RunInfo& info) override;
  void on_step(const StepRecord& record) override;
  void on_epoch_end(const EpochRecord& record) override;
  void on_run_end(const RunEnd& end) override;

 private:
  void write_jsonl(const RunHistory& history) const;
  void append(const std::string& line);
  void write_csv();

  std::string csv_, jsonl_;
  Clock now_;
  std::chrono::steady_clock::time_point next_csv_{};
  std::ofstream lines_;
  std::int64_t steps_between_records_ = 1;
  std::vector<EpochRecord> epochs_;  // without confusion and mistakes
};

}  // namespace slipway
