#include "layers/ops/cast.h"

#include "core/graph/onnx_sink.h"
#include "kernels/cast.h"

namespace slipway {

std::vector<ValueType> Cast::infer(std::span<const ValueType> inputs) const {
  expect_inputs(*this, inputs, 1);
  return {{to_, inputs[0].shape}};
}

void Cast::run(OpContext& context) const {
  const TensorView &x = context.input(0), &y = context.output();
  cast(context.stream,
       {.from = x.dtype(), .to = to_, .x = x.data, .y = y.data, .count = y.type.layout.extent(y.shape())});
}

std::vector<Value> Cast::vjp(VjpContext& context) const {
  const DType from = context.type(context.input(0)).dtype;
  if (!is_floating(from) || !is_floating(to_)) return {Value{}};
  return {context.add(Cast(from), {context.gradient()})};
}

void Cast::to_onnx(OnnxSink& sink) const {
  sink.emit("Cast", {sink.input(0)}, {sink.output(0)}, {{"to", onnx_dtype(to_)}});
}

namespace {

/// Room for the parts, so that run() allocates nothing.
struct CastParts : OpState {
  std::vector<CastAllArgs::Part> parts;
};

}  // namespace

std::vector<ValueType> CastAll::infer(std::span<const ValueType> inputs) const {
  std::vector<ValueType> outputs;
  for (const ValueType& type : inputs) {
    require(is_floating(type.dtype) && is_floating(to_) && type.dtype == inputs[0].dtype, name(),
            ": expects floating-point values of one dtype, got ", inputs[0], " and ", type);
    outputs.emplace_back(to_, type.shape);
  }
  return outputs;
}

std::unique_ptr<OpState> CastAll::prepare(PrepareContext& context) const {
  auto state = std::make_unique<CastParts>();
  state->parts.resize(context.inputs.size());
  return state;
}

void CastAll::run(OpContext& context) const {
  std::vector<CastAllArgs::Part>& parts = context.prepared<CastParts>().parts;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const TensorView &x = context.inputs[i], &y = context.outputs[i];
    parts[i] = {.x = x.data, .y = y.data, .count = y.type.layout.extent(y.shape())};
  }
  if (parts.empty()) return;
  cast_all(context.stream, {.from = context.input(0).dtype(), .to = to_, .parts = parts});
}

int onnx_dtype(DType dtype) {
  switch (dtype) {
    case DType::float32:
      return 1;
    case DType::uint8:
      return 2;
    case DType::int8:
      return 3;
    case DType::int32:
      return 6;
    case DType::int64:
      return 7;
    case DType::boolean:
      return 9;
    case DType::float16:
      return 10;
    case DType::float64:
      return 11;
    case DType::bfloat16:
      return 16;
  }
  __builtin_unreachable();
}

}  // namespace slipway
