#include "tests/kernels/simt/measured_run.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <optional>

#include "tests/support/temporary_directory.h"
#include "tools/train/trainer.h"

namespace slipway::test {
namespace {

class Recorder : public Observer {
 public:
  explicit Recorder(MeasuredRun& run) : run_(run) {}
  void on_step(const StepRecord& record) override {
    run_.figures.losses.push_back(record.loss);
    run_.figures.gradient_norms.push_back(record.gradient_norm);
    run_.usage.push_back(simt::usage());
  }
  void on_epoch_end(const EpochRecord& record) override {
    for (const auto& [name, value] : record.metrics) run_.figures.evaluated.push_back(value);
  }

 private:
  MeasuredRun& run_;
};

}  // namespace

MeasuredRun measure_run(const RunParts& parts) {
  TrainingProgram program(parts.model, parts.stream, parts.config.train.batch_size, parts.ranks);
  Validation validation(parts.source, parts.model, parts.stream, program.evaluated(), parts.ranks);
  Trainer trainer({.config = parts.config,
                   .source = parts.source,
                   .model = parts.model,
                   .program = program,
                   .validation = validation,
                   .stream = parts.stream,
                   .ranks = parts.ranks,
                   .resume_command = ""});
  trainer.share_state();
  MeasuredRun run;
  Observers observers;
  observers.push_back(std::make_unique<Recorder>(run));
  const TemporaryDirectory runs;
  std::optional<RunDirectory> directory;
  if (!parts.ranks || parts.ranks->rank() == 0) directory.emplace(RunDirectory::create(runs.path(), "run"));
  trainer.run(directory ? &*directory : nullptr, observers);
  return run;
}

double largest_error(const std::vector<double>& actual, const std::vector<double>& expected) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (actual.size() != expected.size()) return kInfinity;
  double largest = 0;
  for (std::size_t i = 0; i < actual.size(); ++i) {
    const double difference = std::abs(actual[i] - expected[i]);
    if (!std::isfinite(difference)) return kInfinity;
    if (difference > 0) largest = std::max(largest, difference / std::abs(expected[i]));
  }
  return largest;
}

}  // namespace slipway::test
