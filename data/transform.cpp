#include "data/transform.h"

#include <array>
#include <cmath>
#include <span>

namespace slipway {
namespace {

/// In lanes, which the compiler turns into vector registers.
template <class Term>
double sum_of(std::span<const float> values, Term term) {
  constexpr std::size_t kLanes = 16;
  std::array<double, kLanes> lanes{};
  std::size_t i = 0;
  for (; i + kLanes <= values.size(); i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) lanes[lane] += term(values[i + lane]);
  }
  double sum = 0;
  for (const double lane : lanes) sum += lane;
  for (; i < values.size(); ++i) sum += term(values[i]);
  return sum;
}

}  // namespace

void Transform::feature_field(FieldVisitor& visit) {
  visit.field("feature", feature, {.help = "the input it is for; may be left out if there is one only"});
}

void Statistics::add(const Tensor& batch) {
  const Shape& shape = batch.shape();
  require(shape.rank() >= 2, "statistics need a batch of at least two axes, got ", batch.type());
  const auto channels = static_cast<std::size_t>(shape[1]);
  const auto inner = static_cast<std::size_t>(shape.elements(2, shape.rank()));
  if (mean_.empty()) {
    count_.resize(channels);
    mean_.resize(channels);
    squares_.resize(channels);
  }
  require(mean_.size() == channels, "statistics of ", mean_.size(), " channels got a batch ", batch.type());
  const auto values = batch.as<float>();
  for (std::size_t c = 0; c < channels; ++c) {
    const auto total = [&](auto&& term) {
      double sum = 0;
      for (std::size_t start = c * inner; start < values.size(); start += channels * inner) {
        sum += sum_of(values.subspan(start, inner), term);
      }
      return sum;
    };
    const double added = total([](float x) { return std::isnan(x) ? 0.0 : 1.0; });
    if (added == 0) continue;
    const double mean = total([](float x) { return std::isnan(x) ? 0.0 : static_cast<double>(x); }) / added;
    const double squares = total([mean](float x) {
      const double difference = std::isnan(x) ? 0.0 : static_cast<double>(x) - mean;
      return difference * difference;
    });
    // Chan, Golub and LeVeque, "Updating Formulae and a Pairwise Algorithm for Computing Sample Variances"
    // (1979).
    const auto before = static_cast<double>(count_[c]);
    const double difference = mean - mean_[c];
    mean_[c] += difference * added / (before + added);
    squares_[c] += squares + difference * difference * before * added / (before + added);
    count_[c] += static_cast<std::int64_t>(added);
  }
}

double Statistics::deviation(std::size_t i) const {
  return count_[i] == 0 ? 0 : std::sqrt(squares_[i] / static_cast<double>(count_[i]));
}

}  // namespace slipway
