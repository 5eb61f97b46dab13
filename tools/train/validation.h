#pragma once

#include <functional>
#include <memory>
#include <string>

#include "data/loader.h"
#include "tools/train/data_source.h"
#include "tools/train/evaluator.h"
#include "tools/train/observer.h"

namespace slipway {

/// What is measured after each epoch: the validation set, if there is one, and the figure that "best" means.
class Validation {
 public:
  /// Evaluates `variables` as they are at the time of each run. A `train.monitor` that no metric gives is a
  /// UserError. `source` and `model` must outlive it.
  /// With `ranks`, they share every batch and all get the same figures.
  Validation(const DataSource& source, const Model& model, const Stream& stream, const Variables& variables,
             Communicator* ranks = nullptr);

  /// Measures the validation set and notes figures, confusion and mistakes. `progress(done)` is called after
  /// each batch; once it returns false, run() stops, leaves `record` as it is, and returns false.
  bool run(EpochRecord& record, const std::function<bool(std::int64_t done)>& progress);
  /// Samples of the validation set, 0 without one.
  std::int64_t samples() const { return dataset_ ? dataset_->size() : 0; }

  const std::string& monitor() const { return monitor_.name; }
  /// The monitored figure of an epoch: on the validation set, or without one, the training loss.
  double monitored(const EpochRecord& record) const;
  /// Whether `value` improves on `best` by more than `min_delta`. What is not a number never does.
  bool improves(double value, double best, double min_delta) const;

 private:
  void choose_monitor();

  const Model& model_;
  Communicator* ranks_;  // or null
  std::shared_ptr<const Dataset> dataset_;
  std::unique_ptr<Loader> loader_;
  std::unique_ptr<Evaluator> evaluator_;
  Evaluator::Figure monitor_;
};

}  // namespace slipway
