#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "core/base/component.h"
#include "core/graph/scope.h"

namespace slipway {

/// A figure of merit over a whole dataset, from sums that each batch contributes to.
class Metric : public Component {
 public:
  static constexpr const char* kKind = "metric";

  /// Appends a batch's contributions: small values (counts, sums, a matrix of counts) of dtype float64 or
  /// int64 that add up over batches. UserError if the output or target does not suit.
  virtual std::vector<Value> build(const Scope& scope, Value output, Value target) const = 0;
  /// The figures from the sums over all batches, by name ("accuracy", "top_5"); none for a metric that is no
  /// number.
  virtual std::map<std::string, double> results(std::span<const Tensor> sums) const = 0;
  /// Whether a larger figure is the better one.
  virtual bool higher_is_better() const = 0;
};

}  // namespace slipway
