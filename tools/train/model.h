#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/comm/batch_shard.h"
#include "core/graph/scope.h"
#include "data/pipeline.h"
#include "tools/train/run_config.h"

namespace slipway {

/// The network of a configuration, ready to be built for any batch size, mode and precision.
class Model {
 public:
  /// `pipeline` must have all its statistics before anything but check() is called. Both outlive the model.
  Model(const RunConfig& config, const Pipeline& pipeline);

  /// A forward graph: the input, named like the batch's feature, preprocessing, layers.
  struct Forward {
    Graph graph;
    Value input;     // of the batch, as the loader delivers it: [batch, ...]
    Value prepared;  // after preprocessing: what the first layer reads
    Value output;    // of the last layer
  };
  struct Options {
    Mode mode = Mode::evaluation;
    DType dtype = DType::float32;
    std::int64_t batch_size = 1;
    const BatchShard* shard = nullptr;  // the graph is for this part of a batch of batch_size samples

    std::int64_t rows() const { return shard ? shard->size() : batch_size; }
  };
  Forward forward(const Options& options) const;
  /// A scope at the root of a graph of this model.
  Scope scope(Graph& graph, const Options& options) const;
  /// The same with the target, a second input or what is to be reconstructed, and the outputs "loss" (mean
  /// over the whole batch) and "output".
  struct Evaluation : Forward {
    Value target;
    Value loss;  // with a shard: what its part contributes, which is an output too
  };
  static constexpr const char* kContribution = "loss.contribution";
  Evaluation evaluation(const Options& options) const;

  /// Appends the configured metrics and returns what each contributes to its sums.
  std::vector<std::vector<Value>> add_metrics(const Scope& scope, const Evaluation& model) const;
  /// Builds layers, loss and metrics for their shapes alone and adds all mistakes. Needs no statistics of
  /// transforms; parts of the configuration with mistakes in their settings are left out.
  void check(ConfigErrors& errors) const;

  const RunConfig& config() const { return config_; }
  const Pipeline& pipeline() const { return pipeline_; }

 private:
  void add_loss(const Scope& scope, Evaluation& model) const;

  const RunConfig& config_;
  const Pipeline& pipeline_;
};

/// The values of the trainable variables that `freeze` patterns leave free, in graph order.
std::vector<Value> trainable_variables(const Graph& graph, const std::vector<std::string>& freeze);
}  // namespace slipway
