#pragma once

#include <optional>

#include "core/graph/op.h"
#include "kernels/element_loss.h"

namespace slipway {

/// [32, 1, 1] is as good as [32] for a target of one number a sample.
Shape without_trailing_ones(const Shape& shape);

/// The mean of a loss of each element and its target, as torch.nn's with reduction="mean":
/// (x [...], target of x's shape, axes of size 1 at its end left out or not, of x's dtype or int64,
/// optional weights [C] of axis 1, [1] of all) -> (loss [], gradient of x). An op made for the loss only has
/// one output and no vjp. Where x is a part of a batch, `divisor` says of how many elements the mean is: the
/// loss is then what the part contributes.
class ElementLoss : public Op {
 public:
  enum class Outputs { loss_and_gradient, loss_only };
  struct Options {
    Outputs outputs = Outputs::loss_and_gradient;
    double parameter = 0;
    std::optional<std::int64_t> divisor;  // none: the elements of x
  };
  ElementLoss(const KernelSlot<ElementLossArgs>& kernel, const Options& options)
      : kernel_(&kernel), options_(options) {}

  std::string_view name() const override { return kernel_->name(); }
  std::string attributes() const override;
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  std::unique_ptr<OpState> prepare(PrepareContext& context) const override;
  void run(OpContext& context) const override;
  std::vector<Value> vjp(VjpContext& context) const override;
  Cost cost(std::span<const ValueType> inputs, std::span<const ValueType> outputs) const override;
  std::vector<InPlace> in_place() const override;

 private:
  bool with_gradient() const { return options_.outputs == Outputs::loss_and_gradient; }
  const KernelSlot<ElementLossArgs>* kernel_;
  Options options_;
};

}  // namespace slipway
