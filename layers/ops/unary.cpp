#include "layers/ops/unary.h"

#include <array>

#include "core/graph/onnx_sink.h"
#include "kernels/memory.h"

namespace slipway {
namespace {

using Emit = void (*)(OnnxSink& sink);

std::string number(OnnxSink& sink, double value) {
  return sink.constant(Tensor::full(sink.input_type(0).dtype, {}, value), "number");
}

// x * x
void emit_square(OnnxSink& sink) { sink.emit("Mul", {sink.input(0), sink.input(0)}, {sink.output(0)}); }

// x * sigmoid(x)
void emit_silu(OnnxSink& sink) {
  sink.emit("Mul", {sink.input(0), sink.node("Sigmoid", {sink.input(0)})}, {sink.output(0)});
}

// max(x, 0) + log(1 + exp(-|x|)); the op Softplus is missing in a browser's backend
void emit_softplus(OnnxSink& sink) {
  const std::string x = sink.input(0);
  const std::string u = sink.node("Exp", {sink.node("Neg", {sink.node("Abs", {x})})});
  const std::string log = sink.node("Log", {sink.node("Add", {u, number(sink, 1)})});
  sink.emit("Add", {sink.node("Relu", {x}), log}, {sink.output(0)});
}

// x * (0.5 * (1 + t))
void emit_gated(OnnxSink& sink, const std::string& t) {
  const std::string gate = sink.node("Mul", {sink.node("Add", {t, number(sink, 1)}), number(sink, 0.5)});
  sink.emit("Mul", {sink.input(0), gate}, {sink.output(0)});
}

void emit_gelu(OnnxSink& sink) {
  emit_gated(sink,
             sink.node("Erf", {sink.node("Mul", {sink.input(0), number(sink, 0.70710678118654752440)})}));
}

void emit_gelu_tanh(OnnxSink& sink) {
  const std::string x = sink.input(0);
  const std::string square = sink.node("Mul", {x, x});
  const std::string factor =
      sink.node("Add", {sink.node("Mul", {square, number(sink, 0.044715)}), number(sink, 1)});
  const std::string u =
      sink.node("Mul", {sink.node("Mul", {x, factor}), number(sink, 0.79788456080286535588)});
  emit_gated(sink, sink.node("Tanh", {u}));
}

struct Row {
  const char* name;
  const char* onnx;  // null: emitted by `emit`
  Emit emit;
  bool keeps_zero;           // f(0) = 0 and f'(0) is finite: blocked padding stays as it must be
  InputPrecision precision;  // full where a rounded input changes the result by more than its own share
};

/// One row a UnaryFunction, in its order.
constexpr std::array<Row, 13> kTable = {
    {{"neg", "Neg", nullptr, true, InputPrecision::follows},
     {"exp", "Exp", nullptr, false, InputPrecision::full},
     {"log", "Log", nullptr, false, InputPrecision::full},
     {"sqrt", "Sqrt", nullptr, false, InputPrecision::full},
     {"square", nullptr, emit_square, true, InputPrecision::full},
     {"reciprocal", "Reciprocal", nullptr, false, InputPrecision::full},
     {"abs", "Abs", nullptr, true, InputPrecision::follows},
     {"sigmoid", "Sigmoid", nullptr, false, InputPrecision::follows},
     {"tanh", "Tanh", nullptr, true, InputPrecision::follows},
     {"silu", nullptr, emit_silu, true, InputPrecision::follows},
     {"softplus", nullptr, emit_softplus, false, InputPrecision::full},
     {"gelu", nullptr, emit_gelu, true, InputPrecision::follows},
     {"gelu_tanh", nullptr, emit_gelu_tanh, true, InputPrecision::follows}}};

const Row& row(UnaryFunction function) { return kTable[static_cast<std::size_t>(function)]; }

/// (dy, v) -> dx = dy f'(v), v being y or x
class UnaryGradient : public ElementwiseOp {
 public:
  explicit UnaryGradient(UnaryFunction function)
      : function_(function), name_(text(row(function).name, "_gradient")) {}
  std::string_view name() const override { return name_; }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    expect_inputs(*this, inputs, 2);
    return {inputs[0]};
  }
  void run(OpContext& context) const override {
    const TensorView& dx = context.output();
    unary_backward(context.stream, {.function = function_,
                                    .dtype = dx.dtype(),
                                    .dy = context.input(0).data,
                                    .v = context.input(1).data,
                                    .dx = dx.data,
                                    .count = dx.type.layout.extent(dx.shape())});
    if (!row(function_).keeps_zero) zero_padding(context.stream, {.y = dx});
  }
  std::vector<InPlace> in_place() const override {
    return {{.output = 0, .input = 0}, {.output = 0, .input = 1}};
  }
  std::vector<ElementwiseStep> steps() const override {
    return {{.kind = ElementwiseStep::Kind::unary_gradient,
             .function = static_cast<std::uint8_t>(function_),
             .a = operand_input(0),
             .b = operand_input(1)}};
  }

 private:
  UnaryFunction function_;
  std::string name_;
};

}  // namespace

std::string_view Unary::name() const { return row(function_).name; }

std::vector<ValueType> Unary::infer(std::span<const ValueType> inputs) const {
  expect_inputs(*this, inputs, 1);
  require(is_floating(inputs[0].dtype), name(), ": expects a floating-point input, got ", inputs[0]);
  return {inputs[0]};
}

void Unary::run(OpContext& context) const {
  const TensorView& y = context.output();
  unary_forward(context.stream, {.function = function_,
                                 .dtype = y.dtype(),
                                 .x = context.input(0).data,
                                 .y = y.data,
                                 .count = y.type.layout.extent(y.shape())});
  if (!row(function_).keeps_zero) zero_padding(context.stream, {.y = y});
}

std::vector<Value> Unary::vjp(VjpContext& context) const {
  const Value v = derivative_from_output(function_) ? context.output() : context.input(0);
  return {context.add(UnaryGradient(function_), {context.gradient(), v})};
}

InputPrecision Unary::input_precision(int) const { return row(function_).precision; }

std::vector<ElementwiseStep> Unary::steps() const {
  return {{.kind = ElementwiseStep::Kind::unary,
           .function = static_cast<std::uint8_t>(function_),
           .a = operand_input(0)}};
}

Cost Unary::cost(std::span<const ValueType> inputs, std::span<const ValueType> outputs) const {
  Cost cost = Op::cost(inputs, outputs);
  cost.flops = static_cast<double>(outputs[0].elements());
  return cost;
}

void Unary::to_onnx(OnnxSink& sink) const {
  if (row(function_).onnx)
    sink.emit(row(function_).onnx, {sink.input(0)}, {sink.output(0)});
  else
    row(function_).emit(sink);
}

}  // namespace slipway
