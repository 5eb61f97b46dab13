#pragma once

#include "core/comm/batch_shard.h"
#include "layers/loss.h"
#include "layers/ops/element_loss.h"

namespace slipway {

/// A loss that compares the model's output with a target of the same shape, element by element.
class ElementwiseLoss : public Loss {
 public:
  ValueType target_type(const ValueType& output) const override { return {output.dtype, output.shape}; }

 protected:
  static Value build_loss(const Scope& scope, const KernelSlot<ElementLossArgs>& kernel,
                          std::vector<Value> inputs, double parameter = 0) {
    ElementLoss::Options options{.outputs = scope.training() ? ElementLoss::Outputs::loss_and_gradient
                                                             : ElementLoss::Outputs::loss_only,
                                 .parameter = parameter};
    const Shape& x = scope.shape(inputs[0]);
    if (scope.shard()) options.divisor = scope.shard()->samples * x.elements(1, x.rank());
    return scope.add_all(std::make_shared<ElementLoss>(kernel, options), std::move(inputs))[0];
  }
};

}  // namespace slipway
