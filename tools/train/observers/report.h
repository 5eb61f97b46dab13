#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "tools/train/observer.h"
#include "tools/train/observers/report_page.h"

namespace slipway {

/// report.html: written anew after an epoch, once a second at most, and at the end. A resumed run's report
/// shows the whole run, by what metrics.jsonl tells of its past.
class ReportObserver : public Observer {
 public:
  using Clock = std::function<std::chrono::steady_clock::time_point()>;
  ReportObserver(std::string path, std::string metrics_jsonl, Clock now = std::chrono::steady_clock::now)
      : path_(std::move(path)), metrics_jsonl_(std::move(metrics_jsonl)), now_(std::move(now)) {}

  void on_run_start(const RunInfo& info) override;
  void on_step(const StepRecord& record) override;
  void on_epoch_end(const EpochRecord& record) override;
  void on_run_end(const RunEnd& end) override;

 private:
  void write();

  std::string path_, metrics_jsonl_;
  Clock now_;
  ReportData data_;
  std::int64_t steps_between_records_ = 1;
  std::chrono::steady_clock::time_point next_write_{};
};

}  // namespace slipway
