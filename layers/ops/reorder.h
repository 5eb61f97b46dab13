#pragma once

#include "core/graph/op.h"

namespace slipway {

/// The same elements in another layout; any dtype.
class Reorder : public Op {
 public:
  explicit Reorder(const Layout& to) : to_(to) {}

  std::string_view name() const override { return "reorder"; }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  std::unique_ptr<OpState> prepare(PrepareContext& context) const override;
  void run(OpContext& context) const override;
  std::vector<Value> vjp(VjpContext& context) const override { return {context.gradient()}; }
  void to_onnx(OnnxSink& sink) const override;
  LayoutRule layout_rule() const override { return LayoutRule::chosen; }
  LayoutChoice choose_layouts(const Stream& stream, std::span<const ValueType> inputs,
                              std::span<const ValueType> outputs) const override;

 private:
  Layout to_;
};

}  // namespace slipway
