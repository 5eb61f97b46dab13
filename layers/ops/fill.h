#pragma once

#include "core/graph/op.h"

namespace slipway {

/// A value of the given type with every element equal; no inputs.
class Fill : public Op {
 public:
  Fill(DType dtype, const Shape& shape, double value) : dtype_(dtype), shape_(shape), value_(value) {}

  std::string_view name() const override { return "fill"; }
  std::string attributes() const override { return text("value=", value_); }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  void run(OpContext& context) const override;
  std::vector<Value> vjp(VjpContext&) const override { return {}; }
  void to_onnx(OnnxSink& sink) const override;
  const Shape& shape() const { return shape_; }
  /// As the dtype holds it.
  double value() const;

 private:
  DType dtype_;
  Shape shape_;
  double value_;
};

}  // namespace slipway
