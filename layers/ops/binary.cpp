#include "layers/ops/binary.h"

#include <array>

#include "core/graph/onnx_sink.h"
#include "kernels/memory.h"
#include "layers/ops/broadcast_to.h"
#include "layers/ops/unary.h"

namespace slipway {
namespace {

struct Row {
  const char* name;
  const char* onnx;  // null: gradients only
  bool keeps_zero;   // f(0, 0) = 0: blocked padding stays as it must be
};

/// One row a BinaryFunction, in its order.
constexpr std::array<Row, 8> kTable = {{{"add", "Add", true},
                                        {"subtract", "Sub", true},
                                        {"multiply", "Mul", true},
                                        {"divide", "Div", false},
                                        {"maximum", "Max", true},
                                        {"minimum", "Min", true},
                                        {"maximum_share", nullptr, false},
                                        {"equal", nullptr, false}}};

const Row& row(BinaryFunction function) { return kTable[static_cast<std::size_t>(function)]; }

}  // namespace

std::string_view Binary::name() const { return row(function_).name; }

std::vector<ValueType> Binary::infer(std::span<const ValueType> inputs) const {
  expect_inputs(*this, inputs, 2);
  require(inputs[0].dtype == inputs[1].dtype, name(), ": operands ", inputs[0], " and ", inputs[1],
          " differ in dtype");
  try {
    return {{inputs[0].dtype, broadcast(inputs[0].shape, inputs[1].shape)}};
  } catch (const Error& error) {
    throw Error(text(name(), ": ", error.what()));
  }
}

void Binary::run(OpContext& context) const {
  const TensorView &a = context.input(0), &b = context.input(1), &y = context.output();
  BinaryArgs args{
      .function = function_, .dtype = y.dtype(), .a = a.data, .b = b.data, .y = y.data, .shape = y.shape()};
  if (y.type.is_row_major()) {
    args.a_strides = broadcast_strides(a.shape(), y.shape());
    args.b_strides = broadcast_strides(b.shape(), y.shape());
  } else {  // one layout, or a scalar: memory order will do
    args.shape = Shape{y.type.layout.extent(y.shape())};
    args.a_strides = {a.shape() == y.shape() ? 1 : 0};
    args.b_strides = {b.shape() == y.shape() ? 1 : 0};
  }
  binary(context.stream, args);
  if (!row(function_).keeps_zero || a.shape() != b.shape()) zero_padding(context.stream, {.y = y});
}

std::vector<Value> Binary::vjp(VjpContext& context) const {
  const Value a = context.input(0), b = context.input(1), y = context.output(), dy = context.gradient();
  const auto apply = [&](BinaryFunction function, Value left, Value right) {
    return context.add(Binary(function), {left, right});
  };
  const auto neg = [&](Value value) { return context.add(Unary(UnaryFunction::neg), {value}); };
  Value da, db;  // of the shape of y
  switch (function_) {
    case BinaryFunction::add:
      da = db = dy;
      break;
    case BinaryFunction::subtract:
      da = dy;
      if (context.needs(1)) db = neg(dy);
      break;
    case BinaryFunction::multiply:
      if (context.needs(0)) da = apply(BinaryFunction::multiply, dy, b);
      if (context.needs(1)) db = apply(BinaryFunction::multiply, dy, a);
      break;
    case BinaryFunction::divide:  // y = a / b;  da = dy / b;  db = -da y
      da = apply(BinaryFunction::divide, dy, b);
      if (context.needs(1)) db = neg(apply(BinaryFunction::multiply, da, y));
      break;
    case BinaryFunction::maximum:  // equal operands share the gradient
      da = apply(BinaryFunction::multiply, dy, apply(BinaryFunction::maximum_share, a, b));
      db = apply(BinaryFunction::multiply, dy, apply(BinaryFunction::maximum_share, b, a));
      break;
    case BinaryFunction::minimum:
      da = apply(BinaryFunction::multiply, dy, apply(BinaryFunction::maximum_share, b, a));
      db = apply(BinaryFunction::multiply, dy, apply(BinaryFunction::maximum_share, a, b));
      break;
    case BinaryFunction::maximum_share:
    case BinaryFunction::equal:
      return {Value{}, Value{}};  // constant almost everywhere
  }
  if (da && context.needs(0)) da = sum_to(context, da, context.type(a).shape);
  if (db && context.needs(1)) db = sum_to(context, db, context.type(b).shape);
  return {da, db};
}

std::vector<ElementwiseStep> Binary::steps() const {
  return {{.kind = ElementwiseStep::Kind::binary,
           .function = static_cast<std::uint8_t>(function_),
           .a = operand_input(0),
           .b = operand_input(1)}};
}

Cost Binary::cost(std::span<const ValueType> inputs, std::span<const ValueType> outputs) const {
  Cost cost = Op::cost(inputs, outputs);
  cost.flops = static_cast<double>(outputs[0].elements());
  return cost;
}

void Binary::to_onnx(OnnxSink& sink) const {
  if (!row(function_).onnx) return Op::to_onnx(sink);
  sink.emit(row(function_).onnx, {sink.input(0), sink.input(1)}, {sink.output(0)});
}

}  // namespace slipway
