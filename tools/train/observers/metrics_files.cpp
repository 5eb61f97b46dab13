#include "tools/train/observers/metrics_files.h"

#include <filesystem>
#include <set>

#include "core/base/shortest.h"
#include "core/io/atomic_file.h"
#include "data/formats/csv.h"
#include "tools/train/observers/history.h"

namespace slipway {
namespace {

constexpr auto kBetweenWrites =
    std::chrono::seconds(1);  // a short epoch is over before a file is on the disk

}  // namespace

void MetricsFilesObserver::on_run_start(const RunInfo& info) {
  steps_between_records_ = steps_between_records(info);
  RunHistory history = read_history(jsonl_, info);
  if (std::filesystem::exists(jsonl_)) write_jsonl(history);
  lines_.open(jsonl_, std::ios::app);
  require(lines_.is_open(), "cannot append to ", jsonl_);
  epochs_ = std::move(history.epochs);
}

void MetricsFilesObserver::write_jsonl(const RunHistory& history) const {
  AtomicFile file(jsonl_);
  auto epoch = history.epochs.begin();
  const auto write_epochs_before = [&](std::int64_t step) {
    for (; epoch != history.epochs.end() && epoch->step < step; ++epoch) file.write(to_json(*epoch) + '\n');
  };
  for (const StepRecord& record : history.steps) {
    write_epochs_before(record.step);
    file.write(to_json(record) + '\n');
  }
  write_epochs_before(INT64_MAX);
  file.commit();
}

void MetricsFilesObserver::append(const std::string& line) {
  lines_ << line << '\n' << std::flush;
  require(lines_.good(), "cannot append to ", jsonl_);
}

void MetricsFilesObserver::on_step(const StepRecord& record) {
  if (record.step % steps_between_records_ == 0) append(to_json(record));
}

void MetricsFilesObserver::on_epoch_end(const EpochRecord& record) {
  append(to_json(record));
  epochs_.push_back(record);
  epochs_.back().confusion.clear();
  epochs_.back().mistakes.clear();
  if (now_() >= next_csv_) write_csv();
}

void MetricsFilesObserver::on_run_end(const RunEnd&) { write_csv(); }

void MetricsFilesObserver::write_csv() {
  std::set<std::string> metrics;
  for (const EpochRecord& record : epochs_) {
    for (const auto& metric : record.metrics) metrics.insert(metric.first);
  }
  std::string csv = "epoch,step,seconds,samples_per_second,learning_rate,train_loss,best";
  for (const std::string& name : metrics) csv += "," + csv_cell("validation_" + name);
  csv += '\n';
  for (const EpochRecord& record : epochs_) {
    csv += std::to_string(record.epoch + 1) + ',' + std::to_string(record.step);
    for (const double value :
         {record.seconds, record.samples_per_second, record.learning_rate, record.train_loss})
      csv += ',' + shortest(value);
    csv += record.best ? ",1" : ",0";
    for (const std::string& name : metrics) {
      const auto found = record.metrics.find(name);
      csv += ',' + (found == record.metrics.end() ? "" : shortest(found->second));
    }
    csv += '\n';
  }
  write_file_atomically(csv_, csv);
  next_csv_ = now_() + kBetweenWrites;
}

}  // namespace slipway
