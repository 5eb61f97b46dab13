#pragma once

#include "layers/ops/elementwise.h"

namespace slipway {

/// y = x * s with a one-element s of the same dtype. Any shape, float32 and float64. For the
/// gradients of losses, which are known up to the factor that comes from behind: it has no gradient itself.
class Scale : public ElementwiseOp {
 public:
  std::string_view name() const override { return "scale"; }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  void run(OpContext& context) const override;
  std::vector<InPlace> in_place() const override { return {{.output = 0, .input = 0}}; }
  LayoutRule layout_rule() const override { return LayoutRule::row_major; }
  std::vector<ElementwiseStep> steps() const override;
};

}  // namespace slipway
