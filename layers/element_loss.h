#pragma once

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
    const auto outputs =
        scope.training() ? ElementLoss::Outputs::loss_and_gradient : ElementLoss::Outputs::loss_only;
    return scope.add_all(std::make_shared<ElementLoss>(kernel, outputs, parameter), std::move(inputs))[0];
  }
};

}  // namespace slipway
