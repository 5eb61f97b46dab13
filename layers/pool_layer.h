#pragma once

#include "layers/layer.h"
#include "layers/ops/pool2d.h"
#include "layers/window_settings.h"

namespace slipway {

/// What max_pool and avg_pool have in common: a window that moves over images.
class PoolLayer : public Layer {
 public:
  /// `kind`: its name in messages.
  explicit PoolLayer(std::string kind) : kind_(std::move(kind)) {}
  void check(ConfigErrors& errors) const override;

 protected:
  void window_fields(FieldVisitor& visit);
  /// The options for an input, which is checked.
  Pool2dOptions options(const Scope& scope, Value input) const;

 private:
  std::string kind_;
  SpatialSetting kernel_{2};
  SpatialSetting stride_;
  PaddingSetting padding_;
};

}  // namespace slipway
