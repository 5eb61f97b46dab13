#include "layers/ops/reorder.h"

#include "core/graph/onnx_sink.h"
#include "layers/ops/copies.h"

namespace slipway {

std::vector<ValueType> Reorder::infer(std::span<const ValueType> inputs) const {
  expect_inputs(*this, inputs, 1);
  expect_rank(*this, inputs, 0, to_.strides().rank());
  return {inputs[0]};
}

std::unique_ptr<OpState> Reorder::prepare(PrepareContext& context) const {
  return plan_copies({{.from = context.inputs[0], .to = context.outputs[0]}});
}

void Reorder::run(OpContext& context) const { run_copies(context); }

LayoutChoice Reorder::choose_layouts(const Stream&, std::span<const ValueType> inputs,
                                     std::span<const ValueType>) const {
  return {.inputs = {inputs[0].layout}, .outputs = {to_}};
}

void Reorder::to_onnx(OnnxSink& sink) const { sink.emit("Identity", {sink.input(0)}, {sink.output(0)}); }

}  // namespace slipway
