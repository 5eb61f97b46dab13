#pragma once

#include <fstream>
#include <string>
#include <vector>

#include "tools/train/observer.h"

namespace slipway {

/// metrics.jsonl grows by a line a record as the run goes (see RunHistory); metrics.csv has a row an epoch
/// and is replaced as a whole. A resumed run continues both as if it had not stopped.
class MetricsFilesObserver : public Observer {
 public:
  MetricsFilesObserver(std::string csv, std::string jsonl) : csv_(std::move(csv)), jsonl_(std::move(jsonl)) {}

  void on_run_start(const RunInfo& info) override;
  void on_step(const StepRecord& record) override;
  void on_epoch_end(const EpochRecord& record) override;

 private:
  void append(const std::string& line);
  void write_csv() const;

  std::string csv_, jsonl_;
  std::ofstream lines_;
  std::int64_t steps_between_records_ = 1;
  std::vector<EpochRecord> epochs_;  // without confusion and mistakes
};

}  // namespace slipway
