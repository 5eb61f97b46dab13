#pragma once

#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "data/image_transform.h"

namespace slipway {

/// What the graph does to a batch of images: it takes of each the region that the loader has chosen.
struct RegionStep {
  ImageSize size;          // of the results
  bool resamples = false;  // false: regions are of that size
};

/// The transforms of a configuration, bound to a dataset's schema:
/// dataset -> host transforms -> batch -> region steps -> graph steps -> first layer.
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

  /// Leaves to the graph what image transforms do to images that are all of one size by then, and not of more
  /// than eight times the pixels that are left in the end. Loaders choose regions from the same random
  /// numbers as before: each input of which something is left has one more feature in the batch, int32
  /// [region steps, ImageRegion::kNumbers]. To be called before loaders and graphs are made of the pipeline,
  /// and after measure().
  void leave_images_to_graph();
  /// What is left of input `i`; nothing at first.
  std::vector<RegionStep> region_steps(std::size_t i) const;
  /// Which feature of the batch holds the regions of input `i`, if there are any.
  std::optional<std::size_t> regions_of(std::size_t i) const;
  /// Chooses the regions of a sample of input `i`.
  void choose_regions(std::size_t i, Mode mode, RandomSequence& random,
                      std::span<std::int32_t> regions) const;
  /// What input `i` of a sample of a batch is before the graph steps, on the host and outside of training.
  Tensor finished(std::size_t i, const Tensor& sample) const;

  /// True if input `i` differs between dataset and batch.
  bool has_host_transforms(std::size_t i) const { return i < inputs_.size() && inputs_[i].on_host > 0; }
  /// Applies the host transforms of input `i`, at least one, but those left to the graph. `result` keeps its
  /// memory if it is of the right type; `scratch` holds what lies between.
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
    std::vector<Feature> seen;  // by each of them
    std::size_t on_host = 0;    // so many, the first ones; the others are image transforms left to the graph
    std::vector<std::shared_ptr<GraphTransform>> graph;
    std::optional<std::size_t> regions = std::nullopt;  // of batch_.regions

    const ImageTransform& left(std::size_t k) const { return static_cast<const ImageTransform&>(*host[k]); }
    ImageSize size_before(std::size_t k) const { return {seen[k].shape[1], seen[k].shape[2]}; }
    bool begins_step(std::size_t k) const;
  };

  std::size_t input_of(const Slot<Transform>& slot) const;

  Schema source_, batch_, model_;
  std::vector<Input> inputs_;
};

}  // namespace slipway
