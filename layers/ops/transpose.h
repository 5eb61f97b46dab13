#pragma once

#include "core/graph/op.h"

namespace slipway {

/// Axis i of the output is axis order[i] of the input; any dtype.
class Transpose : public Op {
 public:
  explicit Transpose(const Dims& order) : order_(order) {}

  std::string_view name() const override { return "transpose"; }
  std::string attributes() const override;
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  std::unique_ptr<OpState> prepare(PrepareContext& context) const override;
  void run(OpContext& context) const override;
  std::vector<Value> vjp(VjpContext& context) const override;
  void to_onnx(OnnxSink& sink) const override;
  InputPrecision input_precision(int) const override { return InputPrecision::follows; }

 private:
  Dims order_;
};

}  // namespace slipway
