#include "layers/ops/softmax.h"

#include "core/graph/onnx_sink.h"

namespace slipway {
namespace {

/// (dy, y) -> dx
class SoftmaxGradient : public Op {
 public:
  SoftmaxGradient(std::int64_t axis, SoftmaxKind kind) : axis_(axis), kind_(kind) {}
  std::string_view name() const override {
    return kind_ == SoftmaxKind::softmax ? "softmax_gradient" : "log_softmax_gradient";
  }
  std::string attributes() const override { return text("axis=", axis_); }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    expect_inputs(*this, inputs, 2);
    return {inputs[0]};
  }
  // y = softmax(x):      dx = y (dy - Σ dy y)
  // y = log softmax(x):  dx = dy - e^y Σ dy
  void run(OpContext& context) const override {
    const TensorView& dx = context.output();
    const Shape& shape = dx.shape();
    const int axis = normalize_axis(axis_, shape.rank(), "softmax");
    softmax_backward(context.stream, {.dtype = dx.dtype(),
                                      .kind = kind_,
                                      .dy = context.input(0).data,
                                      .y = context.input(1).data,
                                      .dx = dx.data,
                                      .outer = shape.elements(0, axis),
                                      .axis = shape[axis],
                                      .inner = shape.elements(axis + 1, shape.rank())});
  }
  std::vector<InPlace> in_place() const override { return {{.output = 0, .input = 0}}; }

 private:
  std::int64_t axis_;
  SoftmaxKind kind_;
};

}  // namespace

std::vector<ValueType> Softmax::infer(std::span<const ValueType> inputs) const {
  expect_inputs(*this, inputs, 1);
  require(is_floating(inputs[0].dtype), name(), ": expects a floating-point input, got ", inputs[0]);
  normalize_axis(axis_, inputs[0].shape.rank(), "softmax");
  return {inputs[0]};
}

void Softmax::run(OpContext& context) const {
  const TensorView& y = context.output();
  const Shape& shape = y.shape();
  const int axis = normalize_axis(axis_, shape.rank(), "softmax");
  softmax_forward(context.stream, {.dtype = y.dtype(),
                                   .kind = kind_,
                                   .x = context.input(0).data,
                                   .y = y.data,
                                   .outer = shape.elements(0, axis),
                                   .axis = shape[axis],
                                   .inner = shape.elements(axis + 1, shape.rank())});
}

std::vector<Value> Softmax::vjp(VjpContext& context) const {
  return {context.add(SoftmaxGradient(axis_, kind_), {context.gradient(), context.output()})};
}

Cost Softmax::cost(std::span<const ValueType> inputs, std::span<const ValueType> outputs) const {
  Cost cost = Op::cost(inputs, outputs);
  cost.flops = 18 * static_cast<double>(inputs[0].elements());
  return cost;
}

void Softmax::to_onnx(OnnxSink& sink) const {
  const int axis = normalize_axis(axis_, sink.input_type(0).shape.rank(), "softmax");
  sink.emit(kind_ == SoftmaxKind::softmax ? "Softmax" : "LogSoftmax", {sink.input(0)}, {sink.output(0)},
            {{"axis", axis}});
}

}  // namespace slipway
