#pragma once

#include <vector>

#include "core/comm/communicator.h"
#include "data/loader.h"
#include "tools/train/observer.h"

namespace slipway {

/// Watches the evaluation of a classifier: counts every (target, predicted) pair and keeps the most confident
/// mistakes with their inputs.
class ClassificationReview {
 public:
  ClassificationReview(std::int64_t classes, std::size_t keep) : classes_(classes), keep_(keep) {
    confusion_.assign(static_cast<std::size_t>(classes),
                      std::vector<std::int64_t>(static_cast<std::size_t>(classes)));
  }

  /// Adds a batch with its logits [batch, classes]; `labels` is the batch's target.
  void add(const Batch& batch, const Tensor& labels, const Tensor& logits, const Dataset& dataset);
  /// Adds what the other ranks have seen, on each of them. `input` is the batch's.
  void merge(Communicator& ranks, const Dataset& dataset, const Feature& input);
  /// Whether the outputs of a model are logits of a label with so many classes, so that add() makes sense.
  static bool applies(const Feature& target, const Shape& output);

  const std::vector<std::vector<std::int64_t>>& confusion() const { return confusion_; }
  /// Worst first.
  const std::vector<Mistake>& mistakes() const { return mistakes_; }

 private:
  void note(Mistake mistake);

  std::int64_t classes_;
  std::size_t keep_;
  std::vector<std::vector<std::int64_t>> confusion_;
  std::vector<Mistake> mistakes_;
};

}  // namespace slipway
