#include "layers/ops/slice.h"

#include "core/graph/onnx_sink.h"
#include "layers/ops/copies.h"
#include "layers/ops/pad.h"

namespace slipway {

std::string Slice::attributes() const { return text("begin=", begin_, " end=", end_); }

std::vector<ValueType> Slice::infer(std::span<const ValueType> inputs) const {
  expect_inputs(*this, inputs, 1);
  const Shape& shape = inputs[0].shape;
  bool inside = begin_.rank() == shape.rank() && end_.rank() == shape.rank();
  for (int i = 0; inside && i < shape.rank(); ++i) {
    inside = 0 <= begin_[i] && begin_[i] <= end_[i] && end_[i] <= shape[i];
  }
  require(inside, name(), ": the part from ", begin_, " to ", end_, " is outside ", inputs[0]);
  return {{inputs[0].dtype, part_of(inputs[0], begin_, end_).type.shape}};
}

std::unique_ptr<OpState> Slice::prepare(PrepareContext& context) const {
  const Part part = part_of(context.inputs[0], begin_, end_);
  return plan_copies({{.from = part.type, .to = context.outputs[0], .from_offset = part.offset}});
}

void Slice::run(OpContext& context) const { run_copies(context); }

std::vector<Value> Slice::vjp(VjpContext& context) const {
  Dims after = context.type(context.input(0)).shape;
  for (int i = 0; i < after.rank(); ++i) after[i] -= end_[i];
  return {context.add(Pad(begin_, after), {context.gradient()})};
}

void Slice::to_onnx(OnnxSink& sink) const {
  std::vector<std::int64_t> starts, ends, axes;  // only of axes that are cut: the batch may have any size
  for (int i = 0; i < begin_.rank(); ++i) {
    if (begin_[i] == 0 && end_[i] == sink.input_type(0).shape[i]) continue;
    starts.push_back(begin_[i]);
    ends.push_back(end_[i]);
    axes.push_back(i);
  }
  if (axes.empty()) return sink.emit("Identity", {sink.input(0)}, {sink.output(0)});
  const auto list = [&](const std::vector<std::int64_t>& values, const char* hint) {
    return sink.constant(Tensor::of({static_cast<std::int64_t>(values.size())}, values), hint);
  };
  sink.emit("Slice", {sink.input(0), list(starts, "starts"), list(ends, "ends"), list(axes, "axes")},
            {sink.output(0)});
}

}  // namespace slipway
