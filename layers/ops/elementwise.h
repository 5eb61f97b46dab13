#pragma once

#include <array>
#include <span>
#include <string>
#include <vector>

#include "core/graph/op.h"
#include "core/graph/structural_ops.h"
#include "kernels/elementwise.h"

namespace slipway {

/// An op of one output whose every element depends on one element of each input, which broadcast. Chains of
/// such ops are fused into one Elementwise.
class ElementwiseOp : public Op {
 public:
  /// The same as a program; its last step is the output. Values that are floating-point are taken for
  /// granted.
  virtual std::vector<ElementwiseStep> steps() const = 0;
  LayoutRule layout_rule() const override { return LayoutRule::elementwise; }
};

inline ElementwiseOperand operand_input(int index) {
  return {.source = ElementwiseOperand::Source::input, .index = static_cast<std::uint8_t>(index)};
}
inline ElementwiseOperand operand_step(int index) {
  return {.source = ElementwiseOperand::Source::step, .index = static_cast<std::uint8_t>(index)};
}

/// A chain of elementwise ops in one pass over memory, made by fusion when gradients are there and models are
/// exported: it has neither. Of float32 or float64; on GPUs also of 16-bit types, in which casts round and
/// nothing else does but the output.
class Elementwise : public ElementwiseOp {
 public:
  /// `steps` without slots, which it assigns. Error if they are too many for the kernel.
  Elementwise(std::vector<ElementwiseStep> steps, int inputs);

  std::string_view name() const override { return "elementwise"; }
  /// The functions in their order: "add gelu cast"
  std::string attributes() const override;
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  void run(OpContext& context) const override;
  std::vector<Value> vjp(VjpContext& context) const override;
  Cost cost(std::span<const ValueType> inputs, std::span<const ValueType> outputs) const override;
  std::vector<InPlace> in_place() const override;
  std::vector<ElementwiseStep> steps() const override { return steps_; }

 private:
  std::vector<ElementwiseStep> steps_;
  int inputs_;
};

/// Elementwise ops and numbers as one op, or null: StructuralOps::chain.
OpPtr chain(std::span<const ChainMember> members);

}  // namespace slipway
