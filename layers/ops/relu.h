#pragma once

#include "layers/ops/elementwise.h"

namespace slipway {

/// y = max(x, 0); with slope s in [0, 1): y = x > 0 ? x : s x (leaky relu). Any shape; float32,
/// float64; cuda: also float16, bfloat16.
class Relu : public ElementwiseOp {
 public:
  explicit Relu(double slope = 0) : slope_(slope) {}
  double slope() const { return slope_; }

  std::string_view name() const override { return slope_ == 0 ? "relu" : "leaky_relu"; }
  std::string attributes() const override { return slope_ == 0 ? "" : text("slope=", slope_); }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  void run(OpContext& context) const override;
  std::vector<Value> vjp(VjpContext& context) const override;
  void to_onnx(OnnxSink& sink) const override;
  std::vector<InPlace> in_place() const override { return {{.output = 0, .input = 0}}; }
  InputPrecision input_precision(int) const override { return InputPrecision::follows; }
  std::vector<ElementwiseStep> steps() const override {
    return {{.kind = ElementwiseStep::Kind::relu, .slope = slope_, .a = operand_input(0)}};
  }

 private:
  double slope_;
};

/// Whether the op is the gradient of y = max(x, 0), of inputs (dy, y): for fusing it into what follows.
bool is_gradient_of_relu(const Op& op);

}  // namespace slipway
