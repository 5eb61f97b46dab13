#pragma once

#include <optional>
#include <string>

#include "core/io/checkpoint.h"
#include "data/loader.h"

namespace slipway {

/// Where a run stands besides the values of its variables; saved with every checkpoint.
struct TrainingProgress {
  std::int64_t epoch = 0;        // epochs completed, validation included
  std::int64_t step = 0;         // optimizer steps done
  std::int64_t closed_step = 0;  // steps done when the last epoch record was made
  LoaderState loader;            // the next batch
  double loss_sum = 0;           // over the samples of the current epoch
  std::int64_t samples = 0;      // of the current epoch
  double seconds = 0;            // spent in earlier sessions
  double epoch_seconds = 0;      // the same, in the current epoch
  std::optional<double> best;    // of the monitored figure
  std::int64_t best_step = 0;    // when that was
  std::int64_t epochs_since_best = 0;
};

/// As a checkpoint keeps it.
Progress to_checkpoint(const TrainingProgress& progress, std::uint64_t seed);
/// The inverse; a UserError that names `origin` if the checkpoint is not of a training run.
TrainingProgress from_checkpoint(const Progress& saved, const std::string& origin);

}  // namespace slipway
