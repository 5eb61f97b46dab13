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
    note({.index = index,
          .sample = dataset.describe(index),
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

void ClassificationReview::merge(Communicator& ranks, const Dataset& dataset, const Feature& input) {
  const Tensor counts(DType::int64, Shape{classes_, classes_});
  const std::span<std::int64_t> cells = counts.as<std::int64_t>();
  const auto classes = static_cast<std::size_t>(classes_);
  for (std::size_t i = 0; i < cells.size(); ++i) cells[i] = confusion_[i / classes][i % classes];
  ranks.all_reduce({}, counts, "the confusion matrix");
  for (std::size_t i = 0; i < cells.size(); ++i) confusion_[i / classes][i % classes] = cells[i];

  // Of each mistake: probability, target, predicted, index; a probability of 0 stands for none.
  constexpr std::int64_t kNumbers = 4;
  const auto keep = static_cast<std::int64_t>(keep_), size = std::int64_t{ranks.size()};
  const Shape picture = input.shape.rank() == 3 ? input.shape : Shape{0};
  const Tensor numbers = Tensor::zeros(DType::float64, Shape{keep, kNumbers});
  const Tensor pictures = Tensor::zeros(input.dtype, picture.inserted(0, keep));
  for (std::int64_t i = 0; i < static_cast<std::int64_t>(mistakes_.size()); ++i) {
    const Mistake& mistake = mistakes_[static_cast<std::size_t>(i)];
    double* row = numbers.as<double>().data() + i * kNumbers;
    row[0] = mistake.probability;
    row[1] = static_cast<double>(mistake.target);
    row[2] = static_cast<double>(mistake.predicted);
    row[3] = static_cast<double>(mistake.index);
    if (mistake.input.defined()) copy_elements(mistake.input, pictures.slice(0, i, i + 1).reshaped(picture));
  }
  const Tensor all_numbers(DType::float64, Shape{size * keep, kNumbers});
  const Tensor all_pictures(input.dtype, picture.inserted(0, size * keep));
  ranks.all_gather({}, {.part = numbers, .all = all_numbers}, "mistakes");
  ranks.all_gather({}, {.part = pictures, .all = all_pictures}, "pictures of mistakes");
  mistakes_.clear();
  for (std::int64_t i = 0; i < size * keep; ++i) {
    const double* row = all_numbers.as<double>().data() + i * kNumbers;
    if (row[0] == 0) continue;
    const auto index = static_cast<std::int64_t>(row[3]);
    mistakes_.push_back(
        {.index = index,
         .sample = dataset.describe(index),
         .input = picture.rank() == 3 ? all_pictures.slice(0, i, i + 1).clone().reshaped(picture) : Tensor(),
         .target = static_cast<std::int64_t>(row[1]),
         .predicted = static_cast<std::int64_t>(row[2]),
         .probability = row[0]});
  }
  // Of equally confident ones the first in the order of samples, as one rank alone would keep them.
  std::sort(mistakes_.begin(), mistakes_.end(), [](const Mistake& a, const Mistake& b) {
    return a.probability != b.probability ? a.probability > b.probability : a.index < b.index;
  });
  if (mistakes_.size() > keep_) mistakes_.resize(keep_);
}

}  // namespace slipway
