#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/tensor/tensor.h"
#include "tools/train/summary.h"

namespace slipway {

/// What is known when a run starts.
struct RunInfo {
  std::string name;
  std::string directory;
  std::string config_yaml;  // resolved
  std::string device;       // "cpu, 2 threads"
  ModelSummary model;
  std::int64_t training_samples = 0;
  std::int64_t validation_samples = 0;
  std::int64_t epochs = 0;
  std::int64_t steps_per_epoch = 0;
  std::int64_t total_steps = 0;
  std::int64_t start_step = 0;  // > 0: resumed; what was recorded from this step on is to be dropped
  std::int64_t start_epoch = 0;
  std::vector<std::string> class_names;  // of the target, if it is a label
  std::string monitor;                   // the figure that "best" means

  /// The name of a class, or its number where it has none.
  std::string class_name(std::int64_t label) const {
    return label >= 0 && label < static_cast<std::int64_t>(class_names.size())
               ? class_names[static_cast<std::size_t>(label)]
               : std::to_string(label);
  }
};

/// One optimizer step.
struct StepRecord {
  std::int64_t step = 0;   // counted from 1: steps done
  std::int64_t epoch = 0;  // counted from 0
  std::int64_t step_in_epoch = 0;
  std::int64_t samples = 0;  // seen in this epoch so far
  double loss = 0;           // of this step's batches
  double learning_rate = 0;
  double gradient_norm = 0;       // before clipping
  double samples_per_second = 0;  // over the last few seconds
};

/// An optimizer step whose gradient overflowed in 16 bits: its samples are passed over.
struct SkippedStep {
  std::int64_t step = 0;  // counted from 1
  double loss_scale = 0;  // of the next one
};

/// A prediction that was confidently wrong.
struct Mistake {
  std::int64_t index = 0;  // of the sample in its dataset
  std::string sample;      // Dataset::describe
  Tensor input;            // one sample before the graph steps, undefined if it is no picture
  std::int64_t target = 0;
  std::int64_t predicted = 0;
  double probability = 0;  // of the predicted class
};

/// One epoch, with its validation if there is one.
struct EpochRecord {
  std::int64_t epoch = 0;  // counted from 0
  std::int64_t step = 0;   // steps done so far
  double seconds = 0;
  double samples_per_second = 0;
  double learning_rate = 0;
  double train_loss = 0;  // mean over the epoch
  bool validated = false;
  std::map<std::string, double> metrics;             // "loss" and the scalar metrics on the validation set
  std::vector<std::vector<std::int64_t>> confusion;  // [target][predicted], if configured
  std::vector<Mistake> mistakes;                     // worst first
  bool best = false;                                 // by the monitored figure
};

/// How a run ended.
struct RunEnd {
  enum class Reason { finished, early_stopping, interrupted, failed };
  Reason reason = Reason::finished;
  std::int64_t step = 0;
  double seconds = 0;
  std::string message;  // "training stopped by SIGINT; resume with ..."
};

/// Watches a run: progress on the terminal, metrics files, reports. Calls come from one thread.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void on_run_start(const RunInfo&) {}
  virtual void on_step(const StepRecord&) {}
  virtual void on_skipped_step(const SkippedStep&) {}
  virtual void on_validation_progress(std::int64_t done, std::int64_t total) {
    static_cast<void>(done), static_cast<void>(total);
  }
  virtual void on_epoch_end(const EpochRecord&) {}
  virtual void on_run_end(const RunEnd&) {}
};

using Observers = std::vector<std::unique_ptr<Observer>>;

}  // namespace slipway
