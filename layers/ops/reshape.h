#pragma once

#include "core/graph/op.h"

namespace slipway {

/// The same memory under another shape; one size may be -1 and follows from the others.
class Reshape : public Op {
 public:
  explicit Reshape(const Dims& shape) : shape_(shape) {}

  std::string_view name() const override { return "reshape"; }
  std::string attributes() const override { return text("shape=", shape_); }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  void run(OpContext&) const override {}
  std::vector<Value> vjp(VjpContext& context) const override;
  Cost cost(std::span<const ValueType>, std::span<const ValueType>) const override { return {}; }
  void to_onnx(OnnxSink& sink) const override;
  std::vector<InPlace> in_place() const override {
    return {{.output = 0, .input = 0, .rule = InPlace::Rule::required}};
  }
  InputPrecision input_precision(int) const override { return InputPrecision::follows; }

 private:
  Dims shape_;
};

}  // namespace slipway
