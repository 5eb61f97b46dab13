#pragma once

#include <string>

#include "core/base/component.h"
#include "core/graph/scope.h"

namespace slipway {

/// How many values a unit reads (`in`) and how many units read a value (`out`).
struct Fans {
  double in = 1;
  double out = 1;

  /// Of a weight [out, in, window...], as for linear [out, in] and conv2d [out, in / groups, height, width].
  static Fans of_weight(const Shape& shape);
};

/// Draws the first values of a parameter: `initializer: kaiming_normal`.
class Initializer : public Component {
 public:
  static constexpr const char* kKind = "initializer";

  /// Fills a row-major float32 or float64 host tensor; the values depend on `random`, not on the dtype.
  /// `fans` are those of the layer's weight, for its bias too.
  virtual void fill(const TensorView& view, const Fans& fans, RandomSequence& random) const = 0;
};

/// The initializer as a function for Scope::parameter.
Initialize initialize_by(const Slot<Initializer>& initializer, const Fans& fans);

/// The weight of a linear map or a convolution and its optional bias, with the fields that say how they
/// start. Both start uniform in +-1/√fan_in, as PyTorch's.
class WeightAndBias {
 public:
  void fields(FieldVisitor& visit);
  bool has_bias() const { return bias_; }
  /// Parameters "weight" of the given shape [out, ...] and, if there is one, "bias" [out]; in that order.
  std::vector<Value> parameters(const Scope& scope, const Shape& weight) const;

 private:
  bool bias_ = true;
  Slot<Initializer> initializer_{"fan_in_uniform"};
  Slot<Initializer> bias_initializer_{"fan_in_uniform"};
};

}  // namespace slipway
