#include "layers/ops/one_hot_columns.h"

#include "core/graph/onnx_sink.h"
#include "kernels/preprocess.h"

namespace slipway {

std::vector<ValueType> OneHotColumns::infer(std::span<const ValueType> inputs) const {
  expect_inputs(*this, inputs, 1);
  expect_rank(*this, inputs, 0, 2);
  const ValueType& x = inputs[0];
  require(is_floating(x.dtype) && x.shape[1] == static_cast<std::int64_t>(sizes_.size()), name(),
          ": expects [batch, ", sizes_.size(), "] of a floating-point type, got ", x);
  std::int64_t columns = 0;
  for (const std::int64_t size : sizes_) columns += size == 0 ? 1 : size;
  return {ValueType(x.dtype, Shape{x.shape[0], columns})};
}

void OneHotColumns::run(OpContext& context) const {
  const TensorView& x = context.input(0);
  one_hot_columns_kernel(context.stream, {.dtype = x.dtype(),
                                          .x = x.data,
                                          .y = context.output().data,
                                          .sizes = sizes_.data(),
                                          .rows = x.shape()[0],
                                          .columns = x.shape()[1],
                                          .result = context.output().shape()[1]});
}

/// Every result column is a gathered input column; an indicator then is compared with its index, a kept one
/// passes.
void OneHotColumns::to_onnx(OnnxSink& sink) const {
  std::vector<std::string> parts;
  const DType dtype = sink.input_type(0).dtype;
  constexpr std::int64_t kOnnxFloat = 1, kOnnxDouble = 11;  // TensorProto.DataType
  for (std::size_t c = 0; c < sizes_.size(); ++c) {
    const Tensor index = Tensor::of<std::int64_t>({1}, {static_cast<std::int64_t>(c)});
    const std::string column =
        sink.node("Gather", {sink.input(0), sink.constant(index, "column")}, {{"axis", 1}});
    if (sizes_[c] == 0) {
      parts.push_back(column);
      continue;
    }
    std::vector<double> classes;
    for (std::int64_t k = 0; k < sizes_[c]; ++k) classes.push_back(static_cast<double>(k));
    const Tensor values = Tensor::of(Shape{1, sizes_[c]}, classes).cast(dtype);
    const std::string equal = sink.node("Equal", {column, sink.constant(values, "classes")});
    parts.push_back(sink.node("Cast", {equal}, {{"to", dtype == DType::float32 ? kOnnxFloat : kOnnxDouble}}));
  }
  sink.emit("Concat", parts, {sink.output(0)}, {{"axis", 1}});
}

}  // namespace slipway
