#pragma once

#include "layers/ops/elementwise.h"

namespace slipway {

/// The same values as another dtype. To an integer: towards zero, NaN to 0, out of range to the nearest
/// bound.
class Cast : public ElementwiseOp {
 public:
  explicit Cast(DType to) : to_(to) {}

  std::string_view name() const override { return "cast"; }
  std::string attributes() const override { return text("to=", to_); }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  void run(OpContext& context) const override;
  std::vector<Value> vjp(VjpContext& context) const override;
  void to_onnx(OnnxSink& sink) const override;
  std::vector<ElementwiseStep> steps() const override {
    return {{.kind = ElementwiseStep::Kind::round,
             .function = static_cast<std::uint8_t>(to_),
             .a = operand_input(0)}};
  }

 private:
  DType to_;
};

/// Several floating-point values of one dtype, each as another: (x...) -> (y...). Not differentiable: it
/// comes after gradients, by gather_casts.
class CastAll : public Op {
 public:
  explicit CastAll(DType to) : to_(to) {}

  std::string_view name() const override { return "cast_all"; }
  std::string attributes() const override { return text("to=", to_); }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  std::unique_ptr<OpState> prepare(PrepareContext& context) const override;
  void run(OpContext& context) const override;

 private:
  DType to_;
};

/// The number by which ONNX knows a dtype (TensorProto.DataType).
int onnx_dtype(DType dtype);

}  // namespace slipway
