#include "layers/ops/reshape.h"

#include "core/graph/onnx_sink.h"

namespace slipway {

std::vector<ValueType> Reshape::infer(std::span<const ValueType> inputs) const {
  expect_inputs(*this, inputs, 1);
  Shape shape(shape_);
  int open = -1;
  std::int64_t known = 1;
  for (int i = 0; i < shape.rank(); ++i) {
    require(shape[i] >= -1 && (shape[i] != -1 || open < 0), name(), ": ", shape_,
            " is not a shape with at most one -1");
    if (shape[i] == -1)
      open = i;
    else
      known *= shape[i];
  }
  const std::int64_t elements = inputs[0].elements();
  if (open >= 0 && known != 0) shape[open] = elements / known;
  require((open < 0 || known != 0) && shape.elements() == elements, name(), ": cannot arrange ", inputs[0],
          " as ", shape_);
  return {{inputs[0].dtype, shape}};
}

std::vector<Value> Reshape::vjp(VjpContext& context) const {
  return {context.add(Reshape(context.type(context.input(0)).shape), {context.gradient()})};
}

void Reshape::to_onnx(OnnxSink& sink) const {
  sink.emit("Reshape", {sink.input(0), sink.shape_of_output(0)}, {sink.output(0)});
}

}  // namespace slipway
