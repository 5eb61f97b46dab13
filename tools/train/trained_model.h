#pragma once

#include <memory>
#include <string>

#include "core/io/checkpoint.h"
#include "core/runtime/variables.h"
#include "tools/train/compute.h"
#include "tools/train/model.h"

namespace slipway {

/// A model out of a checkpoint, ready for evaluation, prediction and export; its training data is not needed.
class TrainedModel {
 public:
  /// `path` is a checkpoint or a run directory, of which the best checkpoint is taken, else the newest.
  explicit TrainedModel(const std::string& path);
  TrainedModel(const TrainedModel&) = delete;
  TrainedModel& operator=(const TrainedModel&) = delete;

  const std::string& checkpoint_path() const { return path_; }
  const Checkpoint& checkpoint() const { return checkpoint_; }
  RunConfig& config() { return config_; }
  const RunConfig& config() const { return config_; }
  /// Where relative paths of the configuration start.
  const std::string& base_directory() const { return base_directory_; }
  const Pipeline& pipeline() const { return *pipeline_; }
  std::shared_ptr<const Pipeline> shared_pipeline() const { return pipeline_; }
  const Model& model() const { return *model_; }
  /// Parameters and running statistics as evaluation uses them (the moving average if the run kept one).
  const Variables& variables() const { return variables_; }
  /// As DataSource::deliver_to(): of the pipeline of loaders and graphs that are made from now on.
  void deliver_to(Device device);
  /// The determinism and precision of the training, on `device`, or the configuration's if that is empty.
  Compute::Options compute(const std::string& device, int threads) const;

 private:
  std::string path_;
  Checkpoint checkpoint_;
  RunConfig config_;
  std::string base_directory_;
  std::shared_ptr<Pipeline> pipeline_;
  std::unique_ptr<Model> model_;
  Variables variables_;
};

}  // namespace slipway
