#include "layers/ops/transpose.h"

#include "core/graph/onnx_sink.h"
#include "layers/ops/copies.h"

namespace slipway {

std::string Transpose::attributes() const { return text("order=", order_); }

std::vector<ValueType> Transpose::infer(std::span<const ValueType> inputs) const {
  expect_inputs(*this, inputs, 1);
  expect_rank(*this, inputs, 0, order_.rank());
  return {{inputs[0].dtype, TensorView{.type = inputs[0]}.transposed(order_).shape()}};
}

std::unique_ptr<OpState> Transpose::prepare(PrepareContext& context) const {
  return plan_copies(
      {{.from = TensorView{.type = context.inputs[0]}.transposed(order_).type, .to = context.outputs[0]}});
}

void Transpose::run(OpContext& context) const { run_copies(context); }

std::vector<Value> Transpose::vjp(VjpContext& context) const {
  Dims inverse = order_;
  for (int i = 0; i < order_.rank(); ++i) {
    inverse[normalize_axis(order_[i], order_.rank(), "transpose")] = i;
  }
  return {context.add(Transpose(inverse), {context.gradient()})};
}

void Transpose::to_onnx(OnnxSink& sink) const {
  Dims order = order_;
  bool kept = true;
  for (int i = 0; i < order.rank(); ++i) {
    order[i] = normalize_axis(order[i], order.rank(), "transpose");
    kept = kept && order[i] == i;
  }
  if (kept) return sink.emit("Identity", {sink.input(0)}, {sink.output(0)});
  sink.emit("Transpose", {sink.input(0)}, {sink.output(0)}, {{"perm", order}});
}

}  // namespace slipway
