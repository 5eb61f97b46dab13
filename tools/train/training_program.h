#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "core/runtime/executor.h"
#include "core/runtime/readback.h"
#include "core/runtime/variables.h"
#include "data/loader.h"
#include "optim/loss_scaling.h"
#include "tools/train/gradient_exchange.h"
#include "tools/train/model.h"
#include "tools/train/non_finite.h"
#include "tools/train/precision.h"
#include "tools/train/state_shards.h"

namespace slipway {

/// Whether optimize() merges neighbouring ops.
enum class Fusion { on, off };

/// A model compiled for training: forward, backward and update as one graph, planned once per batch size.
/// Parameters and gradients lie in flat arenas, in the order in which backward finishes the gradients.
class TrainingProgram {
 public:
  static constexpr const char* kParameters = "parameters";  // the arena of all trained parameters
  /// The sums of earlier batches of a step: zero between steps.
  static constexpr const char* kAccumulated = "train.accumulated";  // of gradients; or ".0", ".1": in buckets
  static constexpr const char* kFigures =
      "figures";  // an output: the loss and, of an update, the gradient's norm
  static constexpr const char* kAccumulatedLoss = "train.accumulated_loss";
  static bool is_accumulated(const std::string& variable) { return variable.starts_with(kAccumulated); }

  /// Builds for one batch size at once, so that all mistakes of the configuration show before training. With
  /// `ranks`, the program works on this rank's part of each batch; all ranks then do the same with theirs,
  /// and every result and every variable is that of the whole batch.
  TrainingProgram(const Model& model, const Stream& stream, std::int64_t batch_size,
                  Communicator* ranks = nullptr);

  /// What a batch does to the parameters.
  enum class Phase {
    update,      // its gradient changes them, together with what was accumulated
    accumulate,  // its gradient is added to the accumulated ones
  };
  struct Result {
    double loss = 0;           // mean over the batch
    double gradient_norm = 0;  // of the whole step's gradient before clipping; 0 in Phase::accumulate
    bool finite = true;        // false: loss or gradient is not finite and no parameter was changed, only the
                               // loss scale if there is one
  };
  /// Enqueues a batch, one tensor a feature, on the host or on the program's device; of ranks, each brings
  /// its part of a batch of so many samples. Learning rate and step number are taken from StepState in
  /// variables().
  void enqueue(std::span<const TensorView> batch, Phase phase, std::int64_t samples);
  /// Waits for the batches that were enqueued since the last call, and returns the result of each. An update
  /// after a batch whose loss is not finite changes no parameter either.
  std::vector<Result> finish();
  /// Both for one batch.
  Result run(const std::vector<Tensor>& batch, Phase phase) { return run(batch, phase, batch[0].shape()[0]); }
  Result run(const std::vector<Tensor>& batch, Phase phase, std::int64_t samples);
  /// A named output of the batch that ran last.
  TensorView output(const std::string& name) const { return last_->output(name); }
  /// Runs forward and backward of a batch again without fusion, which can hide where a value comes from, and
  /// returns the first value that is not finite; none if all are. As after run(), undo_step takes back what
  /// the batch did to the model's state.
  std::optional<NonFinite> find_non_finite(const std::vector<Tensor>& batch, std::int64_t samples);
  /// Takes back what the batches since the last update did to the model's state, such as running means, and
  /// drops their gradients: after a result that is not finite, all variables are as after the last update.
  void undo_step();

  const Stream& stream() const { return stream_; }
  Variables& variables() { return variables_; }
  const Variables& variables() const { return variables_; }
  const VariableArena& arena() const { return arena_; }
  /// How ranks divide the optimizer's state among themselves; null if each has all of it.
  const StateShards* state_shards() const { return state_shards_ ? &*state_shards_ : nullptr; }
  /// Whether its batches have parts, whose losses and gradients are summed.
  bool has_parts() const { return ranks_ != nullptr; }
  /// Whether a variable is a parameter of the model, or other state of it such as a running mean.
  bool is_parameter(const std::string& name) const { return parameters_.contains(name); }
  bool is_model_state(const std::string& name) const { return model_state_.contains(name); }
  /// The factor on the loss at the next step, where one keeps small gradients from vanishing.
  std::optional<double> loss_scale() const;
  /// Memory of activations, gradients and scratch, as planned for the largest batch so far.
  std::size_t planned_bytes() const { return workspace_.bytes(); }
  /// The variables that evaluation and export use: the moving average if there is one.
  Variables evaluated() const;
  /// The executor of one batch size, for reports of its memory and its graph; made on first use.
  Executor& executor(std::int64_t batch_size, Phase phase);
  /// Gives an executor of executor() its batch, as enqueue() does.
  void bind(Executor& executor, std::span<const TensorView> batch, std::int64_t samples) const {
    bind(executor, batch, samples, parts_);
  }

 private:
  struct Backward {
    Graph graph;                       // forward and backward
    std::vector<Gradients> gradients;  // of each part of the batch that this rank has
  };
  std::optional<BatchShard> shard(std::int64_t batch_size, BatchShard::Parts parts) const;
  Graph build_part(std::int64_t batch_size, const BatchShard* part);
  Backward build_backward(std::int64_t batch_size, Fusion fusion, BatchShard::Parts parts);
  Gradients arena_gradients(Graph& graph, int part);
  void divide_state();
  Graph build(std::int64_t batch_size, Phase phase);
  Value add_gradient(Backward& backward, const std::optional<BatchShard>& shard, Phase phase);
  void add_update(Graph& graph, Phase phase, Value total);
  Value norm_source(Graph& graph, Value total, Value own) const;
  std::optional<LossScaling> loss_scaling(Graph& graph) const;
  void bind(Executor& executor, std::span<const TensorView> batch, std::int64_t samples,
            BatchShard::Parts parts) const;
  void remember_state();

  const Model& model_;
  Stream stream_;
  std::unique_ptr<Communicator> alone_;  // what ranks_ points to where parts are fixed and there are none
  Communicator* ranks_;                  // or null
  BatchShard::Parts parts_;
  Precision precision_;
  Variables variables_;
  VariableArena arena_;
  std::optional<StateShards> state_shards_;
  std::set<std::string> parameters_, model_state_;
  struct Remembered {
    Tensor variable, before;  // this step
  };
  std::vector<Remembered> remembered_;  // the model's state
  bool within_step_ = false;            // batches were accumulated since the last update
  std::map<std::pair<std::int64_t, Phase>, std::unique_ptr<Executor>> executors_;
  Buffer workspace_;
  Executor* last_ = nullptr;
  Readback readback_;
  std::vector<TensorView> figures_;  // of the batches that were enqueued, on the host
};

/// Layout pass and fusion as every program of a model uses them.
Graph optimize(Graph graph, const Stream& stream, const Variables& variables, Fusion fusion = Fusion::on);

}  // namespace slipway
