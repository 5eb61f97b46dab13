#include "data/split.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "core/base/random.h"

namespace slipway {

void Split::fields(FieldVisitor& visit) {
  visit.field(
      "fraction", fraction,
      {.help = "part of the samples that is held out; 0: none", .positional = true, .min = 0, .below = 1});
  visit.field("seed", seed, {.help = "draws the samples that are held out", .min = 0});
  visit.field("stratified", stratified, {.help = "hold out the fraction of each class"});
}

std::vector<bool> hold_out(std::span<const std::int64_t> classes, double fraction, std::uint64_t seed) {
  std::map<std::int64_t, std::vector<std::size_t>> members;
  for (std::size_t i = 0; i < classes.size(); ++i) members[classes[i]].push_back(i);
  std::vector<bool> held(classes.size(), false);
  for (auto& [label, samples] : members) {
    RandomSequence random({.key = random_key(seed, "split"), .stream = static_cast<std::uint64_t>(label)});
    const auto size = static_cast<std::int64_t>(samples.size());
    std::int64_t count = std::llround(fraction * static_cast<double>(size));
    if (size > 1) count = std::clamp<std::int64_t>(count, 1, size - 1);
    for (std::int64_t i = 0; i < count; ++i) {  // the first `count` steps of a Fisher-Yates shuffle
      const auto other = i + static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(size - i)));
      std::swap(samples[static_cast<std::size_t>(i)], samples[static_cast<std::size_t>(other)]);
      held[samples[static_cast<std::size_t>(i)]] = true;
    }
  }
  return held;
}

Split::Parts Split::operator()(const std::shared_ptr<const Dataset>& dataset) const {
  const std::int64_t size = dataset->size();
  require_user(size > 1, "split: a dataset of ", size, " samples cannot be split");
  std::vector<std::int64_t> classes(static_cast<std::size_t>(size), 0);
  if (stratified) {
    for (std::int64_t i = 0; i < size; ++i) classes[static_cast<std::size_t>(i)] = dataset->label(i);
  }
  const std::vector<bool> held = hold_out(classes, fraction, static_cast<std::uint64_t>(seed));
  std::vector<std::int64_t> rest, held_out;
  for (std::int64_t i = 0; i < size; ++i) (held[static_cast<std::size_t>(i)] ? held_out : rest).push_back(i);
  require_user(!rest.empty() && !held_out.empty(),
               "split: every class has one sample only; a stratified split needs two of at least one class");
  return {std::make_shared<SubsetDataset>(dataset, std::move(rest)),
          std::make_shared<SubsetDataset>(dataset, std::move(held_out))};
}

}  // namespace slipway
