#pragma once

#include "kernels/unary.h"
#include "layers/ops/elementwise.h"

namespace slipway {

/// y = f(x), elementwise, of any shape; float32, float64; cuda: also float16, bfloat16. A new function is a
/// formula in kernels/cpu/unary.cpp and a row in unary.cpp.
class Unary : public ElementwiseOp {
 public:
  explicit Unary(UnaryFunction function) : function_(function) {}
  UnaryFunction function() const { return function_; }

  std::string_view name() const override;
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  void run(OpContext& context) const override;
  std::vector<Value> vjp(VjpContext& context) const override;
  Cost cost(std::span<const ValueType> inputs, std::span<const ValueType> outputs) const override;
  void to_onnx(OnnxSink& sink) const override;
  std::vector<InPlace> in_place() const override { return {{.output = 0, .input = 0}}; }
  InputPrecision input_precision(int input) const override;
  std::vector<ElementwiseStep> steps() const override;

 private:
  UnaryFunction function_;
};

}  // namespace slipway
