#pragma once

#include <optional>
#include <string>

#include "core/base/component.h"
#include "core/graph/scope.h"

namespace slipway {

/// What training minimises: one number from the model's output and the dataset's target.
class Loss : public Component {
 public:
  static constexpr const char* kKind = "loss";

  /// The target that this loss wants for a model's output, so that a dataset can be refused before it is
  /// read. Error if the output itself does not suit.
  virtual ValueType target_type(const ValueType& output) const = 0;
  /// Appends the loss and returns it: the mean over the batch, a scalar of the output's dtype; of a part of a
  /// batch (Scope::shard) what it contributes to that mean. In Mode::training it has a gradient with respect
  /// to `output`. UserError if the types don't suit.
  virtual Value build(const Scope& scope, Value output, Value target) const = 0;

  /// What makes a prediction of the model's output: "softmax" (over axis 1) or "sigmoid" for probabilities,
  /// "none" if the output is the prediction.
  virtual std::string_view activation() const { return "none"; }

  /// A target of a batch that the loss cannot use: a label out of range.
  struct BadTarget {
    std::int64_t sample;  // position in the batch
    std::string what;     // "label 12, expected 0 to 9"
  };
  /// The first bad target of a host batch. On the device such a target makes the loss NaN, without touching
  /// foreign memory; whoever finds a NaN asks here for the reason.
  virtual std::optional<BadTarget> find_bad_target(const TensorView& target, const ValueType& output) const {
    static_cast<void>(target), static_cast<void>(output);
    return std::nullopt;
  }
};

}  // namespace slipway
