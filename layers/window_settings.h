#pragma once

#include <array>
#include <string>
#include <vector>

#include "core/base/component.h"
#include "kernels/conv2d.h"
#include "layers/layer.h"

namespace slipway {

/// A setting of the two spatial axes: one number for both, or [height, width].
class SpatialSetting {
 public:
  /// One that may be left out.
  SpatialSetting() : optional_(true) {}
  explicit SpatialSetting(std::int64_t both) : values_{both} {}
  void field(FieldVisitor& visit, const char* name, const FieldInfo& info) {
    visit.field(name, values_, info);
  }
  void check(const Component& owner, const std::string& name, ConfigErrors& errors) const;
  /// Whether the configuration left it out.
  bool empty() const { return values_.empty(); }
  /// height, width
  std::array<std::int64_t, 2> value() const { return {values_.front(), values_.back()}; }

 private:
  std::vector<std::int64_t> values_;
  bool optional_ = false;
};

/// How far an image is thought to go on beyond its edges: `same`, or numbers, one for all edges, or
/// [height, width], or [top, left, bottom, right].
class PaddingSetting {
 public:
  void field(FieldVisitor& visit, const char* help);
  void check(ConfigErrors& errors) const;
  /// Sets a window's padding. `same` makes the output of [..., height, width] as large as the input divided
  /// by the stride, rounded up; of an odd total the larger half goes to bottom and right.
  void apply(Window2d& window, const std::array<std::int64_t, 2>& kernel, const Shape& input) const;

 private:
  bool same() const { return node_.is_scalar() && node_.scalar() == "same"; }
  std::vector<std::int64_t> numbers(ConfigErrors& errors) const;

  ConfigNode node_ = ConfigNode::make_scalar("0", {});
};

}  // namespace slipway
