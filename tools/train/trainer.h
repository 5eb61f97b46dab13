#pragma once

#include <chrono>

#include "core/io/checkpoint_directory.h"
#include "data/loader.h"
#include "tools/train/data_source.h"
#include "tools/train/evaluator.h"
#include "tools/train/observer.h"
#include "tools/train/rate_meter.h"
#include "tools/train/run_directory.h"
#include "tools/train/stop_signals.h"
#include "tools/train/training_program.h"
#include "tools/train/training_progress.h"

namespace slipway {

/// The training loop: batches, schedule, validation, checkpoints, early stopping, and an orderly end.
class Trainer {
 public:
  struct Parts {
    const RunConfig& config;
    const DataSource& source;
    const Model& model;
    TrainingProgram& program;
    RunDirectory& directory;
    Observers& observers;
    Stream stream;
  };
  explicit Trainer(const Parts& parts);

  /// Takes over the newest checkpoint of the run directory; returns a sentence on what was found.
  std::string resume();
  /// Trains to the end, an early stop, or a signal. A loss that is not finite ends it with an Error that
  /// names step, node and samples.
  RunEnd run();

  const TrainingProgress& progress() const { return progress_; }
  /// The signal that ended the run, or 0.
  int stop_signal() const { return signals_.received(); }

 private:
  enum class Outcome { epoch_done, interrupted };
  void start();
  void choose_monitor();
  Outcome train_epoch();
  void train_step(const Batch& batch, bool last_of_epoch);
  void finish_step(const TrainingProgram::Result& result);
  void close_epoch();
  void validate(EpochRecord& record);
  void judge(EpochRecord& record);
  void save();
  [[noreturn]] void report_non_finite(const Batch& batch, TrainingProgram::Phase phase,
                                      const TrainingProgram::Result& result);
  std::int64_t steps_per_epoch() const;
  std::int64_t total_steps() const;
  double learning_rate(std::int64_t step) const;
  bool finished() const;
  double seconds() const;
  template <class Notify>
  void notify(Notify&& call);

  Parts parts_;
  CheckpointDirectory checkpoints_;
  Loader loader_;
  std::unique_ptr<Loader> validation_loader_;
  std::unique_ptr<Evaluator> evaluator_;
  TrainingProgress progress_;
  Evaluator::Figure monitor_;
  RateMeter rate_;
  StopSignals signals_;
  std::int64_t accumulated_ = 0;  // batches since the last update
  std::chrono::steady_clock::time_point session_start_, epoch_start_, last_save_;
};

}  // namespace slipway
