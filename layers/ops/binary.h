#pragma once

#include "kernels/binary.h"
#include "layers/ops/elementwise.h"

namespace slipway {

/// y = f(a, b) of two values of one dtype whose shapes broadcast by NumPy's rules.
class Binary : public ElementwiseOp {
 public:
  explicit Binary(BinaryFunction function) : function_(function) {}
  BinaryFunction function() const { return function_; }

  std::string_view name() const override;
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  void run(OpContext& context) const override;
  std::vector<Value> vjp(VjpContext& context) const override;
  Cost cost(std::span<const ValueType> inputs, std::span<const ValueType> outputs) const override;
  void to_onnx(OnnxSink& sink) const override;
  std::vector<InPlace> in_place() const override {
    return {{.output = 0, .input = 0}, {.output = 0, .input = 1}};
  }
  InputPrecision input_precision(int) const override { return InputPrecision::follows; }
  std::vector<ElementwiseStep> steps() const override;

 private:
  BinaryFunction function_;
};

}  // namespace slipway
