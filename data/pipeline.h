#pragma once

#include <functional>
#include <vector>

#include "data/transform.h"

namespace slipway {

/// The transforms of a configuration, bound to a dataset's schema:
/// dataset -> host transforms -> batch -> graph steps -> first layer.
class Pipeline {
 public:
  /// Binds the transforms, which it shares with the configuration. A transform that does not fit is a
  /// UserError with its place in the file.
  Pipeline(Schema dataset, std::vector<Slot<Transform>> transforms);

  /// What the dataset gives.
  const Schema& source() const { return source_; }
  /// What a batch holds, without its batch axis: the inputs of the graph.
  const Schema& batch() const { return batch_; }
  /// What the first layer sees.
  const Schema& model() const { return model_; }

  /// True if input `i` differs between dataset and batch.
  bool has_host_transforms(std::size_t i) const { return i < inputs_.size() && !inputs_[i].host.empty(); }
  /// Applies the host transforms of input `i`, at least one. `result` keeps its memory if it is of the right
  /// type; `scratch` holds what lies between.
  void apply(std::size_t i, const Tensor& source, Tensor& result, Sample& scratch, Mode mode,
             RandomSequence& random) const;

  /// True while a graph transform waits for statistics.
  bool needs_statistics() const;
  /// Measures what is waited for by reading `training` in evaluation mode, by `threads` threads;
  /// `progress(done, total)` counts samples. The result does not depend on the number of threads.
  using Progress = std::function<void(std::int64_t done, std::int64_t total)>;
  void measure(const Dataset& training, int threads, const Progress& progress = {});

  /// What the host transforms of input `i` do to a sample outside of training, in order; without those that
  /// change nothing because the dataset's images have that size already.
  std::vector<SampleStep> sample_steps(std::size_t i) const;
  /// The steps that the graph starts with, for input `i`, composed. Needs all statistics.
  std::vector<GraphStep> steps(std::size_t i) const;
  /// steps(i) on the host, for a batch [N, ...].
  Tensor preprocess(std::size_t i, const Tensor& batch) const;

 private:
  struct Input {
    std::vector<std::shared_ptr<HostTransform>> host;
    std::vector<std::shared_ptr<GraphTransform>> graph;
  };

  std::size_t input_of(const Slot<Transform>& slot) const;

  Schema source_, batch_, model_;
  std::vector<Input> inputs_;
};

}  // namespace slipway
