#pragma once

#include <chrono>
#include <optional>
#include <span>

#include "core/io/checkpoint_directory.h"
#include "data/batch_feed.h"
#include "tools/train/data_source.h"
#include "tools/train/observer.h"
#include "tools/train/rank_board.h"
#include "tools/train/rate_meter.h"
#include "tools/train/run_directory.h"
#include "tools/train/state_shards.h"
#include "tools/train/stop_signals.h"
#include "tools/train/training_program.h"
#include "tools/train/training_progress.h"
#include "tools/train/validation.h"

namespace slipway {

/// The training loop: batches, schedule, validation, checkpoints, early stopping, and an orderly end.
class Trainer {
 public:
  struct Parts {
    const RunConfig& config;
    const DataSource& source;
    const Model& model;
    TrainingProgram& program;
    Validation& validation;
    Stream stream;
    Communicator* ranks = nullptr;  // that train together; null: this process alone
    RankNote* note = nullptr;       // for the steps of a rank, or null
    std::string resume_command;     // for the message after a signal
  };
  explicit Trainer(const Parts& parts);

  struct Resumed {
    std::string from;                   // the checkpoint
    std::vector<std::string> warnings;  // what is wrong with newer ones
  };
  /// Takes over the newest checkpoint of a run that is whole; none if the run has not reached its first.
  std::optional<Resumed> resume(const RunDirectory& directory);
  /// Whether nothing is left to train.
  bool finished() const;
  /// Gives every rank the variables and the progress of rank 0.
  void share_state();
  /// Trains to the end, an early stop, or a signal that any rank received. A loss that is not finite ends it
  /// with a UserError, of ranks with a SharedFailure, that names step, node and samples; the state before
  /// that step is saved. A gradient that loss scaling may bring back into range makes a step that is skipped
  /// instead. `directory` takes what is written: null on all ranks but the first.
  RunEnd run(const RunDirectory* directory, const Observers& observers);

  const TrainingProgress& progress() const { return progress_; }
  /// The signal that ended the run, or 0.
  int stop_signal() const { return stop_signal_; }

 private:
  enum class Outcome { done, interrupted };
  struct Enqueued {
    LoaderState where;  // of the batch
    std::int64_t samples = 0;
  };
  void start();
  RunEnd train();
  Outcome train_epoch();
  void train_batch(const Batch& batch);
  void finish_step();
  bool is_overflow(const LoaderState& where);
  void skip_step();
  void report_step(double gradient_norm);
  void save_if_due();
  template <class Work>
  auto on_device(Work&& work);
  Outcome close_epoch();
  void judge(EpochRecord& record);
  std::string save();
  [[noreturn]] void stop_not_finite(std::span<const Enqueued> batches, const TrainingProgram::Result& result);
  std::optional<Loss::BadTarget> find_bad_target(const Batch& batch) const;
  struct Explanation {
    std::int64_t order = 0;  // of causes, the first first
    std::string what;
  };
  Explanation explain_not_finite(const Batch& batch, const TrainingProgram::Result& result);
  bool stop_requested();
  bool leads() const { return !parts_.ranks || parts_.ranks->rank() == 0; }
  std::int64_t steps_per_epoch() const;
  std::int64_t total_steps() const;
  double learning_rate(std::int64_t step) const;
  double seconds() const;
  CheckpointDirectory checkpoints(const RunDirectory& directory) const;
  template <class Notify>
  void notify(Notify&& call);

  Parts parts_;
  Loader loader_;
  BatchFeed feed_;
  const RunDirectory* directory_ = nullptr;  // of run()
  const Observers* observers_ = nullptr;     // of run()
  WholeStates resumed_states_;               // until share_state()
  TrainingProgress progress_, before_step_;
  RateMeter rate_;
  StopSignals signals_;
  int stop_signal_ = 0;                      // on which all ranks agree
  std::vector<Enqueued> step_;               // the batches of the step that have been enqueued
  std::int64_t samples_before_session_ = 0;  // of the current epoch
  std::chrono::steady_clock::time_point session_start_, epoch_start_, last_save_;
};

}  // namespace slipway
