#pragma once

#include <span>
#include <string>

#include "core/base/component.h"
#include "core/graph/scope.h"

namespace slipway {

/// Turns configuration into ops: `linear: {features: 10}` becomes parameters and nodes.
class Layer : public Component {
 public:
  static constexpr const char* kKind = "layer";

  /// Appends this layer to the scope's graph and returns its output. The scope's path is the layer's own
  /// name. Values are [batch, features...] or [batch, channels, height, width].
  virtual Value build(const Scope& scope, std::span<const Value> inputs) const = 0;

  std::string name;  // given in the configuration; "" takes the kind's name and a number
};

/// Builds `layer`, called `kind` in the configuration, as a child of `scope`, named by the user or by kind
/// and number
/// ("conv2d_2": the second conv2d of its parent; `numbers` counts them).
Value build_child(const Scope& scope, const Slot<Layer>& layer, std::map<std::string, int>& numbers,
                  std::span<const Value> inputs);

}  // namespace slipway
