#include "layers/ops/relu.h"

#include "core/graph/onnx_sink.h"
#include "kernels/relu.h"

namespace slipway {
namespace {

/// (dy, y) -> dx
class ReluGradient : public Op {
 public:
  explicit ReluGradient(double slope) : slope_(slope) {}
  double slope() const { return slope_; }
  std::string_view name() const override { return "relu_gradient"; }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    expect_inputs(*this, inputs, 2);
    return {inputs[0]};
  }
  // y = x > 0 ? x : s x;  dx = y > 0 ? dy : s dy
  void run(OpContext& context) const override {
    const TensorView& dx = context.output();
    relu_backward(context.stream, {.dtype = dx.dtype(),
                                   .dy = context.input(0).data,
                                   .y = context.input(1).data,
                                   .dx = dx.data,
                                   .count = dx.type.layout.extent(dx.shape()),
                                   .slope = slope_});
  }
  std::vector<InPlace> in_place() const override { return {{.output = 0, .input = 0}}; }
  LayoutRule layout_rule() const override { return LayoutRule::elementwise; }

 private:
  double slope_;
};

}  // namespace

bool is_gradient_of_relu(const Op& op) {
  const auto* gradient = dynamic_cast<const ReluGradient*>(&op);
  return gradient && gradient->slope() == 0;
}

std::vector<ValueType> Relu::infer(std::span<const ValueType> inputs) const {
  expect_inputs(*this, inputs, 1);
  require(is_floating(inputs[0].dtype), name(), ": expects a floating-point input, got ", inputs[0]);
  return {inputs[0]};
}

void Relu::run(OpContext& context) const {
  const TensorView& y = context.output();
  relu_forward(context.stream, {.dtype = y.dtype(),
                                .x = context.input(0).data,
                                .y = y.data,
                                .count = y.type.layout.extent(y.shape()),
                                .slope = slope_});
}

std::vector<Value> Relu::vjp(VjpContext& context) const {
  return {context.add(ReluGradient(slope_), {context.gradient(), context.output()})};
}

void Relu::to_onnx(OnnxSink& sink) const {
  if (slope_ == 0)
    sink.emit("Relu", {sink.input(0)}, {sink.output(0)});
  else
    sink.emit("LeakyRelu", {sink.input(0)}, {sink.output(0)}, {{"alpha", slope_}});
}

}  // namespace slipway
