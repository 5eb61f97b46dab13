#include "layers/ops/relu.h"

#include "core/graph/onnx_sink.h"
#include "kernels/relu.h"
#include "layers/ops/binary.h"

namespace slipway {
namespace {

/// (dy, y) -> dx; after fusion with the sum of two gradients that meet: (dy, dy_too, y) -> dx
class ReluGradient : public ElementwiseOp {
 public:
  enum class Gradients { one, sum_of_two };
  explicit ReluGradient(double slope, Gradients gradients = Gradients::one)
      : slope_(slope), gradients_(gradients) {}
  double slope() const { return slope_; }
  Gradients gradients() const { return gradients_; }

  std::string_view name() const override { return "relu_gradient"; }
  std::string attributes() const override { return gradients_ == Gradients::one ? "" : "sum"; }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    expect_inputs(*this, inputs, gradients_ == Gradients::one ? 2 : 3);
    for (const ValueType& type : inputs) {
      require(type == inputs[0], name(), ": inputs must be of one type, got ", inputs[0], " and ", type);
    }
    return {inputs[0]};
  }
  // y = x > 0 ? x : s x;  dx = y > 0 ? dy : s dy
  void run(OpContext& context) const override {
    const bool two = gradients_ == Gradients::sum_of_two;
    const TensorView& dx = context.output();
    relu_backward(context.stream, {.dtype = dx.dtype(),
                                   .dy = context.input(0).data,
                                   .dy_too = two ? context.input(1).data : nullptr,
                                   .y = context.input(two ? 2 : 1).data,
                                   .dx = dx.data,
                                   .count = dx.type.layout.extent(dx.shape()),
                                   .slope = slope_});
  }
  std::vector<InPlace> in_place() const override {
    if (gradients_ == Gradients::one) return {{.output = 0, .input = 0}};
    return {{.output = 0, .input = 0}, {.output = 0, .input = 1}};
  }
  std::vector<ElementwiseStep> steps() const override {
    const auto gradient = [&](const ElementwiseOperand& dy, const ElementwiseOperand& y) {
      return ElementwiseStep{.kind = ElementwiseStep::Kind::relu_gradient, .slope = slope_, .a = dy, .b = y};
    };
    if (gradients_ == Gradients::one) return {gradient(operand_input(0), operand_input(1))};
    return {Binary(BinaryFunction::add).steps()[0], gradient(operand_step(0), operand_input(2))};
  }
  OpPtr fuse_producer(const Op& producer, int input) const override {
    const auto* sum = dynamic_cast<const Binary*>(&producer);
    if (input != 0 || gradients_ != Gradients::one || !sum || sum->function() != BinaryFunction::add)
      return nullptr;
    return std::make_shared<ReluGradient>(slope_, Gradients::sum_of_two);
  }

 private:
  double slope_;
  Gradients gradients_;
};

}  // namespace

bool is_gradient_of_relu(const Op& op) {
  const auto* gradient = dynamic_cast<const ReluGradient*>(&op);
  return gradient && gradient->slope() == 0 && gradient->gradients() == ReluGradient::Gradients::one;
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
