#include "layers/ops/split_axis.h"

#include "core/graph/onnx_sink.h"
#include "layers/ops/concat.h"
#include "layers/ops/copies.h"
#include "layers/ops/fill.h"

namespace slipway {

std::string SplitAxis::attributes() const {
  std::string list;
  for (const std::int64_t size : sizes_) list += text(list.empty() ? "" : ", ", size);
  return text("axis=", axis_, " sizes=[", list, "]");
}

std::vector<ValueType> SplitAxis::infer(std::span<const ValueType> inputs) const {
  expect_inputs(*this, inputs, 1);
  const int axis = normalize_axis(axis_, inputs[0].shape.rank(), "split");
  std::vector<ValueType> outputs;
  std::int64_t sum = 0;
  for (const std::int64_t size : sizes_) {
    require(size >= 0, name(), ": a part cannot have size ", size);
    outputs.emplace_back(inputs[0].dtype, inputs[0].shape.with(axis, size));
    sum += size;
  }
  require(!sizes_.empty() && sum == inputs[0].shape[axis], name(), ": the parts have ", sum,
          " elements along axis ", axis, " of ", inputs[0]);
  return outputs;
}

std::unique_ptr<OpState> SplitAxis::prepare(PrepareContext& context) const {
  const int axis = normalize_axis(axis_, context.inputs[0].shape.rank(), "split");
  std::vector<Copy> copies;
  std::int64_t begin = 0;
  for (std::size_t i = 0; i < sizes_.size(); ++i) {
    const Part part = part_of(context.inputs[0], axis, begin, begin + sizes_[i]);
    copies.push_back({.output = static_cast<int>(i),
                      .from = part.type,
                      .to = context.outputs[i],
                      .from_offset = part.offset});
    begin += sizes_[i];
  }
  return plan_copies(copies);
}

void SplitAxis::run(OpContext& context) const { run_copies(context); }

std::vector<Value> SplitAxis::vjp(VjpContext& context) const {
  std::vector<Value> gradients;
  for (int i = 0; i < static_cast<int>(sizes_.size()); ++i) {
    const ValueType type = context.type(context.output(i));
    gradients.push_back(context.gradient(i) ? context.gradient(i)
                                            : context.add(Fill(type.dtype, type.shape, 0), {}));
  }
  return {context.add(Concat(axis_), gradients)};
}

void SplitAxis::to_onnx(OnnxSink& sink) const {
  std::vector<std::string> outputs;
  for (int i = 0; i < static_cast<int>(sizes_.size()); ++i) outputs.push_back(sink.output(i));
  const auto count = static_cast<std::int64_t>(sizes_.size());
  sink.emit("Split", {sink.input(0), sink.constant(Tensor::of({count}, sizes_), "sizes")}, outputs,
            {{"axis", normalize_axis(axis_, sink.input_type(0).shape.rank(), "split")}});
}

}  // namespace slipway
