#include "layers/ops/pad.h"

#include "core/graph/onnx_sink.h"
#include "kernels/memory.h"
#include "layers/ops/copies.h"
#include "layers/ops/slice.h"

namespace slipway {

std::string Pad::attributes() const { return text("before=", before_, " after=", after_, " value=", value_); }

std::vector<ValueType> Pad::infer(std::span<const ValueType> inputs) const {
  expect_inputs(*this, inputs, 1);
  Shape shape = inputs[0].shape;
  require(before_.rank() == shape.rank() && after_.rank() == shape.rank(), name(), ": ", before_,
          " before and ", after_, " after do not fit ", inputs[0]);
  for (int i = 0; i < shape.rank(); ++i) {
    require(before_[i] >= 0 && after_[i] >= 0, name(), ": cannot add ", before_, " before and ", after_,
            " after");
    shape[i] += before_[i] + after_[i];
  }
  return {{inputs[0].dtype, shape}};
}

std::unique_ptr<OpState> Pad::prepare(PrepareContext& context) const {
  Dims end = before_;
  for (int i = 0; i < end.rank(); ++i) end[i] += context.inputs[0].shape[i];
  const Part part = part_of(context.outputs[0], before_, end);
  return plan_copies({{.from = context.inputs[0], .to = part.type, .to_offset = part.offset}});
}

void Pad::run(OpContext& context) const {
  const TensorView& y = context.output();
  if (y.elements() != context.input(0).elements()) {
    fill(context.stream, {.dtype = y.dtype(), .y = y.data, .count = y.elements(), .value = value_});
  }
  run_copies(context);
}

std::vector<Value> Pad::vjp(VjpContext& context) const {
  Dims end = before_;
  for (int i = 0; i < end.rank(); ++i) end[i] += context.type(context.input(0)).shape[i];
  return {context.add(Slice(before_, end), {context.gradient()})};
}

void Pad::to_onnx(OnnxSink& sink) const {
  std::vector<std::int64_t> pads(before_.begin(), before_.end());
  pads.insert(pads.end(), after_.begin(), after_.end());
  const auto count = static_cast<std::int64_t>(pads.size());
  sink.emit("Pad",
            {sink.input(0), sink.constant(Tensor::of({count}, pads), "pads"),
             sink.constant(Tensor::full(sink.input_type(0).dtype, {}, value_), "value")},
            {sink.output(0)}, {{"mode", "constant"}});
}

}  // namespace slipway
