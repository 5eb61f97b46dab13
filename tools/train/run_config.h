#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/component.h"
#include "data/dataset.h"
#include "data/split.h"
#include "data/transform.h"
#include "layers/layer.h"
#include "layers/loss.h"
#include "layers/metric.h"
#include "optim/optimizer.h"
#include "optim/schedule.h"

namespace slipway {

/// `data:` - where samples come from and what happens to them before the first layer.
class DataConfig : public Component {
 public:
  Slot<Dataset> train;
  Slot<Dataset> validation;  // none: `split` holds some of `train` out, or there is no validation
  Slot<Dataset> test;        // for `slipway evaluate`; none: the validation set
  Split split;               // of `train`, if `validation` is none; fraction 0: nothing is held out
  std::vector<Slot<Transform>> transforms;
  std::int64_t workers = 1;

  DataConfig() { split.fraction = 0; }
  void fields(FieldVisitor& visit) override;
};

/// `train.checkpoint:` - when the state of a run is written.
class CheckpointConfig : public Component {
 public:
  std::int64_t every_epochs = 1;
  std::int64_t every_steps = 0;  // 0: not by steps
  double every_minutes = 0;      // 0: not by time
  std::int64_t keep = 2;         // of the regular ones; best and last stay besides

  void fields(FieldVisitor& visit) override;
};

/// `train.early_stopping:` - when to give up waiting for an improvement.
class EarlyStoppingConfig : public Component {
 public:
  std::int64_t patience = 0;  // epochs without improvement; 0: never stop early
  double min_delta = 0;

  void fields(FieldVisitor& visit) override;
};

/// `train:` - how the model is fitted.
class TrainConfig : public Component {
 public:
  std::int64_t epochs = 1;
  std::int64_t max_steps = 0;  // 0: no bound but the epochs
  std::int64_t batch_size = 64;
  std::int64_t evaluation_batch_size = 0;  // 0: batch_size
  std::int64_t accumulate = 1;
  bool drop_last = false;
  bool uneven_batches = false;
  std::int64_t virtual_shards = 8;
  std::string wire = "float32";
  Slot<Optimizer> optimizer;
  bool shard_optimizer = false;
  Slot<Schedule> schedule;
  double clip_norm = 0;  // 0: no clipping
  double loss_scale = 65536;
  double average_decay = 0;        // 0: no moving average of the weights
  std::string recompute = "none";  // activations: none, blocks, all
  std::vector<std::string> freeze;
  std::string init_from;
  std::string monitor;  // the validation figure that "best" means; "": the first metric, else the loss
  CheckpointConfig checkpoint;
  EarlyStoppingConfig early_stopping;

  void fields(FieldVisitor& visit) override;
  /// evaluation_batch_size, or batch_size if that is 0.
  std::int64_t evaluation_batch() const {
    return evaluation_batch_size > 0 ? evaluation_batch_size : batch_size;
  }
};

/// A whole training run as one YAML file describes it.
class RunConfig : public Component {
 public:
  std::string name;  // of the run; "": the file's name
  std::int64_t seed = 1;
  std::string deterministic = "false";
  bool is_deterministic() const { return deterministic != "false"; }
  bool fixes_parts() const { return deterministic == "ranks"; }  // BatchShard::Parts
  std::string device = "auto";
  std::string precision = "float32";  // see Precision
  SourcePosition precision_where;
  bool capture = true;  // on a GPU, record a step once and replay it
  ConfigNode blocks;  // named parts of `model`; those that are used become part of it, so this is empty after
                      // reading
  LayerList model;
  Slot<Loss> loss;
  std::vector<Slot<Metric>> metrics;
  DataConfig data;
  TrainConfig train;

  void fields(FieldVisitor& visit) override;
};

/// Reads a run's configuration: `--set` assignments ("train.epochs=3") are applied, blocks expanded. Mistakes
/// in settings go to `errors`; what they concern is flawed (Component::flawed) or missing.
RunConfig load_run_config(const std::string& path, const std::vector<std::string>& assignments,
                          ConfigErrors& errors);
/// The same from YAML in memory; `name` stands for the file, and all mistakes are one UserError.
RunConfig parse_run_config(const std::string& yaml, const std::string& name);

}  // namespace slipway
