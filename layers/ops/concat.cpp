#include "layers/ops/concat.h"

#include "core/graph/onnx_sink.h"
#include "layers/ops/copies.h"
#include "layers/ops/split_axis.h"

namespace slipway {

std::string Concat::attributes() const { return text("axis=", axis_); }

std::vector<ValueType> Concat::infer(std::span<const ValueType> inputs) const {
  require(!inputs.empty(), name(), ": expects at least one input");
  const int axis = normalize_axis(axis_, inputs[0].shape.rank(), "concat");
  ValueType type(inputs[0].dtype, inputs[0].shape.with(axis, 0));
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const bool fits = inputs[i].dtype == type.dtype && inputs[i].shape.rank() == type.shape.rank() &&
                      inputs[i].shape.with(axis, 0) == inputs[0].shape.with(axis, 0);
    require(fits, name(), ": input ", i, " is ", inputs[i], ", but input 0 is ", inputs[0],
            "; they may differ only along axis ", axis);
    type.shape[axis] += inputs[i].shape[axis];
  }
  return {{type.dtype, type.shape}};
}

std::unique_ptr<OpState> Concat::prepare(PrepareContext& context) const {
  const int axis = normalize_axis(axis_, context.outputs[0].shape.rank(), "concat");
  std::vector<Copy> copies;
  std::int64_t begin = 0;
  for (std::size_t i = 0; i < context.inputs.size(); ++i) {
    const ValueType& x = context.inputs[i];
    const Part part = part_of(context.outputs[0], axis, begin, begin + x.shape[axis]);
    copies.push_back({.input = static_cast<int>(i), .from = x, .to = part.type, .to_offset = part.offset});
    begin += x.shape[axis];
  }
  return plan_copies(copies);
}

void Concat::run(OpContext& context) const { run_copies(context); }

std::vector<Value> Concat::vjp(VjpContext& context) const {
  const int axis = normalize_axis(axis_, context.type(context.output()).shape.rank(), "concat");
  std::vector<std::int64_t> sizes;
  for (int i = 0; i < context.inputs(); ++i) sizes.push_back(context.type(context.input(i)).shape[axis]);
  return context.add_all(SplitAxis(axis, sizes), {context.gradient()});
}

void Concat::to_onnx(OnnxSink& sink) const {
  std::vector<std::string> inputs;
  const int rank = sink.output_type(0).shape.rank();
  for (int i = 0; i < sink.inputs(); ++i) inputs.push_back(sink.input(i));
  sink.emit("Concat", inputs, {sink.output(0)}, {{"axis", normalize_axis(axis_, rank, "concat")}});
}

}  // namespace slipway
