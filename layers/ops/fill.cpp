#include "layers/ops/fill.h"

#include <array>

#include "core/graph/onnx_sink.h"
#include "core/tensor/element.h"
#include "kernels/memory.h"

namespace slipway {

std::vector<ValueType> Fill::infer(std::span<const ValueType> inputs) const {
  expect_inputs(*this, inputs, 0);
  return {{dtype_, shape_}};
}

void Fill::run(OpContext& context) const {
  const TensorView& y = context.output();
  fill(context.stream, {.dtype = dtype_, .y = y.data, .count = y.elements(), .value = value_});
}

double Fill::value() const {
  std::array<std::byte, 8> element;
  store_element(element.data(), dtype_, value_);
  return load_element(element.data(), dtype_);
}

void Fill::to_onnx(OnnxSink& sink) const {
  const std::string value = sink.constant(Tensor::full(dtype_, {}, value_), "fill");
  sink.emit("Expand", {value, sink.expanded_shape_of_output(0)}, {sink.output(0)});
}

}  // namespace slipway
