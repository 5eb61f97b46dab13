#include "layers/ops/channel_affine.h"

#include <algorithm>
#include <cmath>

#include "core/graph/onnx_sink.h"
#include "kernels/preprocess.h"

namespace slipway {

ChannelAffine::ChannelAffine(Options options) : options_(std::move(options)) {
  require(!options_.scale.empty() && options_.shift.size() == options_.scale.size() &&
              (options_.fill.empty() || options_.fill.size() == options_.scale.size()),
          name(), ": expects as many shifts and fills as scales");
}

std::vector<ValueType> ChannelAffine::infer(std::span<const ValueType> inputs) const {
  expect_inputs(*this, inputs, 1);
  const ValueType& x = inputs[0];
  require(x.dtype != DType::boolean, name(), ": expects numbers, got ", x);
  if (per_channel()) {
    require(options_.axis < x.shape.rank() &&
                x.shape[options_.axis] == static_cast<std::int64_t>(options_.scale.size()),
            name(), ": has ", options_.scale.size(), " scales for axis ", options_.axis, ", got ", x);
  }
  return {ValueType(options_.dtype, x.shape)};
}

void ChannelAffine::run(OpContext& context) const {
  const TensorView& x = context.input(0);
  const int axis = options_.axis, rank = x.shape().rank();
  channel_affine_kernel(context.stream,
                        {.from = x.dtype(),
                         .to = options_.dtype,
                         .x = x.data,
                         .y = context.output().data,
                         .scale = options_.scale.data(),
                         .shift = options_.shift.data(),
                         .fill = options_.fill.empty() ? nullptr : options_.fill.data(),
                         .outer = per_channel() ? x.shape().elements(0, axis) : 1,
                         .channels = per_channel() ? x.shape()[axis] : 1,
                         .inner = per_channel() ? x.shape().elements(axis + 1, rank) : x.elements()});
}

std::vector<Value> ChannelAffine::vjp(VjpContext&) const { return {Value{}}; }

/// A tensor that broadcasts along the channel axis.
Tensor ChannelAffine::constant(const std::vector<double>& values, const Shape& input) const {
  Shape shape(Dims::filled(per_channel() ? input.rank() - options_.axis : 0, 1));
  if (per_channel()) shape[0] = static_cast<std::int64_t>(values.size());
  return Tensor::of(shape, values).cast(options_.dtype);
}

void ChannelAffine::to_onnx(OnnxSink& sink) const {
  const Shape& shape = sink.input_type(0).shape;
  constexpr std::int64_t kOnnxFloat = 1, kOnnxDouble = 11;  // TensorProto.DataType
  std::string x = sink.input(0);
  if (sink.input_type(0).dtype != options_.dtype) {
    x = sink.node("Cast", {x}, {{"to", options_.dtype == DType::float32 ? kOnnxFloat : kOnnxDouble}});
  }
  const bool fills =
      std::any_of(options_.fill.begin(), options_.fill.end(), [](double v) { return !std::isnan(v); });
  if (fills) {
    x = sink.node("Where",
                  {sink.node("IsNaN", {x}), sink.constant(constant(options_.fill, shape), "fill"), x});
  }
  const auto all = [](const std::vector<double>& values, double expected) {
    return std::all_of(values.begin(), values.end(), [&](double value) { return value == expected; });
  };
  if (!all(options_.scale, 1))
    x = sink.node("Mul", {x, sink.constant(constant(options_.scale, shape), "scale")});
  if (all(options_.shift, 0))
    sink.emit("Identity", {x}, {sink.output(0)});
  else
    sink.emit("Add", {x, sink.constant(constant(options_.shift, shape), "shift")}, {sink.output(0)});
}

}  // namespace slipway
