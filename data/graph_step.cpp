#include "data/graph_step.h"

#include <cmath>
#include <utility>

namespace slipway {
namespace {

std::size_t at(const std::vector<double>& values, std::size_t i) { return values.size() == 1 ? 0 : i; }

void check(const Affine& step, const Shape& batch) {
  require(step.axis >= 0 && step.axis < batch.rank(), "affine step: a batch ", batch, " has no axis ",
          step.axis);
  const std::size_t count = step.scale.size();
  require(count == step.shift.size() && (step.fill.empty() || step.fill.size() == count),
          "affine step: scale, shift and fill differ in length");
  require(count == 1 || static_cast<std::int64_t>(count) == batch[step.axis], "affine step: ", count,
          " scales for axis ", step.axis, " of ", batch);
}

/// `second` after `first`, if one step can do both.
bool merge(Affine& first, const Affine& second) {
  const std::size_t count = std::max(first.scale.size(), second.scale.size());
  if (first.axis != second.axis && first.scale.size() > 1 && second.scale.size() > 1) return false;
  if (first.scale.size() > 1 && second.scale.size() > 1 && first.scale.size() != second.scale.size())
    return false;
  Affine both{.axis = first.scale.size() > 1 ? first.axis : second.axis, .scale = {}, .shift = {}};
  for (std::size_t i = 0; i < count; ++i) {
    const double s1 = first.scale[at(first.scale, i)], b1 = first.shift[at(first.shift, i)];
    const double s2 = second.scale[at(second.scale, i)], b2 = second.shift[at(second.shift, i)];
    both.scale.push_back(s1 * s2);
    both.shift.push_back(b1 * s2 + b2);
    double fill = first.fill.empty() ? NAN : first.fill[at(first.fill, i)];
    if (std::isnan(fill) && !second.fill.empty()) {
      // The value that `first` turns into the fill of `second`.
      const double wanted = second.fill[at(second.fill, i)];
      if (s1 == 0 && !std::isnan(wanted)) return false;
      fill = (wanted - b1) / s1;
    }
    both.fill.push_back(fill);
  }
  if (first.fill.empty() && second.fill.empty()) both.fill.clear();
  first = std::move(both);
  return true;
}

Tensor apply_affine(const Affine& step, const Tensor& batch) {
  check(step, batch.shape());
  Tensor result(DType::float32, batch.shape());
  const auto to = result.as<float>();
  const int axis = step.axis;
  const auto channels = static_cast<std::size_t>(batch.shape()[axis]);
  const auto inner = static_cast<std::size_t>(batch.shape().elements(axis + 1, batch.shape().rank()));
  visit_dtype(batch.dtype(), [&]<class T>() {
    const auto from = batch.as<T>();
    for (std::size_t start = 0, channel = 0; start < from.size(); start += inner, ++channel) {
      const std::size_t c = at(step.scale, channel % channels);
      const auto scale = static_cast<float>(step.scale[c]), shift = static_cast<float>(step.shift[c]);
      const float fill = step.fill.empty() ? NAN : static_cast<float>(step.fill[c]);
      for (std::size_t i = start; i < start + inner; ++i) {
        const auto x = static_cast<float>(from[i]);
        to[i] = (std::isnan(x) ? fill : x) * scale + shift;
      }
    }
  });
  return result;
}

Tensor apply_one_hot(const OneHot& step, const Tensor& batch) {
  Tensor result = Tensor::zeros(DType::float32, output_shape(step, batch.shape()));
  const Tensor values = batch.cast(DType::float32);
  const auto from = values.as<float>();
  const auto to = result.as<float>();
  std::size_t target = 0;
  for (std::size_t i = 0; i < from.size(); ++i) {
    const std::int64_t size = step.sizes[i % step.sizes.size()];
    if (size == 0) {
      to[target++] = from[i];
      continue;
    }
    const float x = from[i];
    if (x >= 0 && x < static_cast<float>(size) && x == std::floor(x))
      to[target + static_cast<std::size_t>(x)] = 1;
    target += static_cast<std::size_t>(size);
  }
  return result;
}

}  // namespace

std::int64_t OneHot::columns() const {
  std::int64_t columns = 0;
  for (const std::int64_t size : sizes) columns += std::max<std::int64_t>(size, 1);
  return columns;
}

std::vector<GraphStep> compose(std::vector<GraphStep> steps) {
  std::vector<GraphStep> result;
  for (GraphStep& step : steps) {
    auto* last = result.empty() ? nullptr : std::get_if<Affine>(&result.back());
    const auto* affine = std::get_if<Affine>(&step);
    if (last == nullptr || affine == nullptr || !merge(*last, *affine)) result.push_back(std::move(step));
  }
  return result;
}

Shape output_shape(const GraphStep& step, const Shape& batch) {
  if (const auto* affine = std::get_if<Affine>(&step)) {
    check(*affine, batch);
    return batch;
  }
  const auto& one_hot = std::get<OneHot>(step);
  require(batch.rank() == 2 && batch[1] == static_cast<std::int64_t>(one_hot.sizes.size()),
          "one-hot step: ", one_hot.sizes.size(), " columns expected, the batch is ", batch);
  return batch.with(1, one_hot.columns());
}

Tensor apply_step(const GraphStep& step, const Tensor& batch) {
  if (const auto* affine = std::get_if<Affine>(&step)) return apply_affine(*affine, batch);
  return apply_one_hot(std::get<OneHot>(step), batch);
}

}  // namespace slipway
