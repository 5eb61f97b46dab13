#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/component.h"
#include "core/base/mode.h"
#include "core/base/random.h"
#include "data/dataset.h"
#include "data/graph_step.h"

namespace slipway {

/// What happens to one input feature between the dataset and the first layer. Either a HostTransform or a
/// GraphTransform; the latter stand last.
class Transform : public Component {
 public:
  static constexpr const char* kKind = "transform";

  std::string feature;  // which input; "": the only one

  /// Checks that the transform fits `input` and returns what it becomes. Called in order, before any
  /// sample is seen; again for another description of the same data.
  virtual Feature bind(const Feature& input) = 0;

 protected:
  void feature_field(FieldVisitor& visit);
};

/// What a transform does to a sample outside of training, for whoever runs the exported model: its name and
/// sizes, as in slipway.json.
struct SampleStep {
  std::string name;                // "resize"
  std::vector<std::int64_t> size;  // height and width, or what the name says
};

/// Works on single samples on the host: resizing, cropping, augmentation.
class HostTransform : public Transform {
 public:
  /// `output` keeps its memory if it is of the right type. Const and safe to call from several threads.
  virtual void apply(const Tensor& input, Tensor& output, Mode mode, RandomSequence& random) const = 0;
  /// None for one that only works in training.
  virtual std::optional<SampleStep> outside_training() const { return std::nullopt; }
};

/// Mean, standard deviation and count of the values that are not missing, per index of axis 1 of a batch.
class Statistics {
 public:
  void add(const Tensor& batch);  // float32 [N, C, ...]
  std::size_t size() const { return mean_.size(); }
  std::int64_t count(std::size_t i) const { return count_[i]; }
  double mean(std::size_t i) const { return mean_[i]; }
  /// Of the population.
  double deviation(std::size_t i) const;

 private:
  std::vector<std::int64_t> count_;
  std::vector<double> mean_, squares_;  // squares of the differences from the mean
};

/// Becomes a part of the model's graph: scaling, normalising, encoding.
class GraphTransform : public Transform {
 public:
  /// True while the transform waits for the statistics of its input over the training set.
  virtual bool needs_statistics() const { return false; }
  /// Writes them into the fields, so that the resolved configuration holds them and later uses need no data.
  virtual void measured(const Statistics&) {}
  /// Needs bind, and the statistics if it waits for them.
  virtual std::vector<GraphStep> steps() const = 0;
};

}  // namespace slipway
