#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/base/component.h"
#include "core/graph/scope.h"

namespace slipway {

/// Turns configuration into ops: `linear: {features: 10}` becomes parameters and nodes.
class Layer : public Component {
 public:
  static constexpr const char* kKind = "layer";

  void fields(FieldVisitor& visit) final;
  /// Lists the layer's own settings; every layer also has a `name`.
  virtual void settings(FieldVisitor& visit) { static_cast<void>(visit); }
  /// Appends this layer to the scope's graph and returns its output. The scope's path is the layer's own
  /// name. Values are [batch, features...] or [batch, channels, height, width].
  virtual Value build(const Scope& scope, Value input) const = 0;
  /// Whether the output most likely has the shape that it has for `input`, a guess because a layer before has
  /// a mistake: what follows is then checked nevertheless.
  virtual bool decides_shape(const Shape& input) const {
    static_cast<void>(input);
    return false;
  }

  std::string name;  // given in the configuration; "" takes the kind's name and a number

 protected:
  static constexpr const char* kImages = "[batch, channels, height, width]";
  /// Error "input has shape [8, 10], expected FORM" unless the value is of that rank.
  static void expect_rank(const Scope& scope, Value input, int rank, const char* form);
};

/// A list of layers, each reading the one before.
class LayerList {
 public:
  /// Adds the list as a field of a layer or a configuration.
  void field(FieldVisitor& visit, const char* name, const FieldInfo& info) {
    visit.field(name, layers_, info);
  }
  /// Builds the layers inside `scope`, each named by the user or by kind and number: "conv2d_2" is the second
  /// conv2d of this list. A mistake is a UserError that names the layer and its place; if the scope takes
  /// mistakes, building goes on behind it as far as shapes are known, and throws AlreadyReported if that of
  /// the output is not.
  Value build(const Scope& scope, Value input) const;
  /// Builds the layers side by side: each reads `input`. Mistakes as in build().
  std::vector<Value> build_each(const Scope& scope, Value input) const;
  bool empty() const { return layers_.empty(); }
  const std::vector<Slot<Layer>>& layers() const { return layers_; }

 private:
  using Numbers = std::map<std::string, int>;  // of the layers so far, by kind
  /// None if the layer has a mistake, which was reported.
  static std::optional<Value> build_layer(const Scope& scope, const Slot<Layer>& layer, Numbers& numbers,
                                          Value input);

  std::vector<Slot<Layer>> layers_;
};

}  // namespace slipway
