#pragma once

#include "core/graph/op.h"

namespace slipway {

/// Puts values, of equal shapes but for one axis, one after another along it; any dtype.
class Concat : public Op {
 public:
  explicit Concat(int axis) : axis_(axis) {}

  std::string_view name() const override { return "concat"; }
  std::string attributes() const override;
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  std::unique_ptr<OpState> prepare(PrepareContext& context) const override;
  void run(OpContext& context) const override;
  std::vector<Value> vjp(VjpContext& context) const override;
  void to_onnx(OnnxSink& sink) const override;
  InputPrecision input_precision(int) const override { return InputPrecision::follows; }

 private:
  int axis_;
};

}  // namespace slipway
