#include "layers/ops/reorder.h"

#include "core/graph/onnx_sink.h"
#include "kernels/reorder.h"

namespace slipway {
namespace {

class ReorderState : public OpState {
 public:
  explicit ReorderState(CopyPlan plan) : plan(std::move(plan)) {}
  CopyPlan plan;
};

}  // namespace

std::vector<ValueType> Reorder::infer(std::span<const ValueType> inputs) const {
  expect_inputs(*this, inputs, 1);
  expect_rank(*this, inputs, 0, to_.strides().rank());
  return {inputs[0]};
}

std::unique_ptr<OpState> Reorder::prepare(PrepareContext& context) const {
  return std::make_unique<ReorderState>(CopyPlan(context.inputs[0], context.outputs[0]));
}

void Reorder::run(OpContext& context) const {
  reorder(context.stream, {.plan = &context.prepared<ReorderState>().plan,
                           .from = context.input(0).data,
                           .to = context.output().data});
}

LayoutChoice Reorder::choose_layouts(const Stream&, std::span<const ValueType> inputs,
                                     std::span<const ValueType>) const {
  return {.inputs = {inputs[0].layout}, .outputs = {to_}};
}

void Reorder::to_onnx(OnnxSink& sink) const { sink.emit("Identity", {sink.input(0)}, {sink.output(0)}); }

}  // namespace slipway
