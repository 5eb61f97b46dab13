#include "tools/train/observers/report.h"

#include <ctime>

#include "core/io/atomic_file.h"
#include "tools/train/observers/environment.h"

namespace slipway {
namespace {

constexpr auto kBetweenWrites =
    std::chrono::seconds(1);  // a short epoch is over before a file is on the disk

std::string local_time() {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  char buffer[40];
  localtime_r(&now, &local);
  return {buffer, std::strftime(buffer, sizeof buffer, "%Y-%m-%d %H:%M", &local)};
}

}  // namespace

void ReportObserver::on_run_start(const RunInfo& info) {
  data_ = {.run = info, .history = read_history(metrics_jsonl_, info), .environment = describe_environment()};
  steps_between_records_ = steps_between_records(info);
  next_write_ = {};
}

void ReportObserver::on_step(const StepRecord& record) {
  if (record.step % steps_between_records_ == 0) data_.history.steps.push_back(record);
}

void ReportObserver::on_epoch_end(const EpochRecord& record) {
  data_.history.epochs.push_back(record);
  data_.history.epochs.back().confusion.clear();
  data_.history.epochs.back().mistakes.clear();
  if (record.validated) data_.validation = record;
  if (now_() >= next_write_) write();
}

void ReportObserver::on_run_end(const RunEnd& end) {
  data_.end = end;
  write();
}

void ReportObserver::write() {
  data_.written = local_time();
  write_file_atomically(path_, report_page(data_));
  next_write_ = now_() + kBetweenWrites;
}

}  // namespace slipway
