#include "tools/train/mistakes.h"

#include <algorithm>
#include <cmath>

namespace slipway {

bool ClassificationReview::applies(const Feature& target, const Shape& output) {
  return target.kind == Feature::Kind::label && output.rank() == 2 && output[1] > 1 && output[1] <= 1000;
}

void ClassificationReview::add(const Batch& batch, const Tensor& labels, const Tensor& logits,
                               const Dataset& dataset) {
  const std::span<const float> scores = logits.as<float>();
  const std::span<const std::int64_t> targets = labels.as<std::int64_t>();
  for (std::int64_t i = 0; i < batch.size(); ++i) {
    const std::int64_t target = targets[static_cast<std::size_t>(i)];
    if (target < 0 || target >= classes_) continue;  // ignored by the loss
    const auto row =
        scores.subspan(static_cast<std::size_t>(i * classes_), static_cast<std::size_t>(classes_));
    const auto best = std::max_element(row.begin(), row.end());
    const std::int64_t predicted = best - row.begin();
    ++confusion_[static_cast<std::size_t>(target)][static_cast<std::size_t>(predicted)];
    if (predicted == target) continue;
    double sum = 0;
    for (const float score : row) sum += std::exp(static_cast<double>(score - *best));
    const double probability = 1 / sum;
    if (mistakes_.size() == keep_ && probability <= mistakes_.back().probability) continue;
    const Tensor& input = batch.tensors[0];
    const std::int64_t index = batch.indices[static_cast<std::size_t>(i)];
    note({.sample = dataset.describe(index),
          .input = input.shape().rank() == 4
                       ? input.slice(0, i, i + 1).clone().reshaped(input.shape().without(0))
                       : Tensor(),
          .target = target,
          .predicted = predicted,
          .probability = probability});
  }
}

void ClassificationReview::note(Mistake mistake) {
  const auto place =
      std::upper_bound(mistakes_.begin(), mistakes_.end(), mistake,
                       [](const Mistake& a, const Mistake& b) { return a.probability > b.probability; });
  mistakes_.insert(place, std::move(mistake));
  if (mistakes_.size() > keep_) mistakes_.pop_back();
}

}  // namespace slipway
