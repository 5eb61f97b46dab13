#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/base/component.h"
#include "data/dataset.h"

namespace slipway {

/// How many of a dataset's samples are held out, and which: `split: {fraction: 0.2, stratified: true}`.
class Split : public Component {
 public:
  double fraction = 0.2;
  std::int64_t seed = 1;
  bool stratified = false;

  void fields(FieldVisitor& visit) override;

  struct Parts {
    std::shared_ptr<SubsetDataset> rest;
    std::shared_ptr<SubsetDataset> held_out;
  };
  /// Both parts keep the dataset's order. Split `rest` again for a third part.
  Parts operator()(const std::shared_ptr<const Dataset>& dataset) const;
};

/// Which of `classes.size()` samples are held out: round(fraction · n) of each class's n, drawn by `seed`; at
/// least one and not all where n > 1. For a split that is not stratified all samples are of one class.
std::vector<bool> hold_out(std::span<const std::int64_t> classes, double fraction, std::uint64_t seed);

}  // namespace slipway
