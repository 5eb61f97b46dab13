#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/runtime/executor.h"
#include "data/loader.h"
#include "tools/train/model.h"

namespace slipway {

/// A model compiled for evaluation: forward, loss and metrics, planned once per batch size.
class Evaluator {
 public:
  /// `variables` may share memory with a training program: the values at the time of each run count.
  /// With `ranks`, each evaluates its part of every batch, and the figures are those of all; with
  /// `deterministic: ranks` they are the same bits on any number of them.
  Evaluator(const Model& model, const Stream& stream, Variables variables, Communicator* ranks = nullptr);

  struct Figure {
    std::string name;
    double value = 0;
    bool higher_is_better = false;
  };
  struct Result {
    std::int64_t samples = 0;
    std::vector<Figure> figures;            // "loss" (mean over all samples), then what the metrics give
    std::vector<std::vector<Tensor>> sums;  // of each configured metric
  };
  /// Called after each batch with its outputs, "output" and "loss"; false stops the evaluation.
  using OnBatch = std::function<bool(const Batch& batch, const Executor& outputs)>;
  /// The figures that run() will give, with values of no meaning.
  std::vector<Figure> figures();
  /// Evaluates one epoch of a loader that holds two batches; none if `on_batch` stopped it.
  std::optional<Result> run(Loader& loader, const OnBatch& on_batch);
  Result run(Loader& loader);

 private:
  std::optional<BatchShard> shard(std::int64_t batch_size) const;
  Graph build_part(std::int64_t batch_size, const BatchShard* part);
  Executor& executor(std::int64_t batch_size);
  std::vector<std::vector<Tensor>> zero_sums();
  bool is_summed_in_graph(DType dtype) const;
  std::vector<Figure> figures_of(double loss, const std::vector<std::vector<Tensor>>& sums) const;

  const Model& model_;
  Stream stream_;
  std::unique_ptr<Communicator> alone_;  // what ranks_ points to where parts are fixed and there are none
  Communicator* ranks_;                  // or null
  BatchShard::Parts parts_;
  int rank_parts_ = 1;  // of a batch, that this rank has
  Variables variables_;
  std::map<std::int64_t, std::unique_ptr<Executor>> executors_;
  Buffer workspace_;
};

}  // namespace slipway
