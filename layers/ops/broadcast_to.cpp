#include "layers/ops/broadcast_to.h"

#include "core/graph/onnx_sink.h"
#include "layers/ops/copies.h"
#include "layers/ops/reduce.h"
#include "layers/ops/reshape.h"

namespace slipway {

Dims broadcast_strides(const Shape& from, const Shape& to) {
  const Dims dense = Layout::row_major(from).strides();
  Dims strides = Dims::filled(to.rank(), 0);
  const int missing = to.rank() - from.rank();
  for (int i = 0; i < from.rank(); ++i) {
    if (from[i] != 1) strides[missing + i] = dense[i];
  }
  return strides;
}

Value sum_to(VjpContext& context, Value value, Shape shape) {
  const Shape from = context.type(value).shape;
  if (from == shape) return value;
  Dims axes;
  const int missing = from.rank() - shape.rank();
  for (int i = 0; i < from.rank(); ++i) {
    if (i < missing || (shape[i - missing] == 1 && from[i] != 1)) axes.push_back(i);
  }
  const Value sum = context.add(Reduce(ReduceFunction::sum, axes, Reduce::Axes::kept), {value});
  return missing == 0 ? sum : context.add(Reshape(shape), {sum});
}

std::string BroadcastTo::attributes() const { return text("shape=", shape_); }

std::vector<ValueType> BroadcastTo::infer(std::span<const ValueType> inputs) const {
  expect_inputs(*this, inputs, 1);
  const bool fits = inputs[0].shape.rank() <= shape_.rank() && broadcast(inputs[0].shape, shape_) == shape_;
  require(fits, name(), ": cannot repeat ", inputs[0], " to ", shape_);
  return {{inputs[0].dtype, shape_}};
}

std::unique_ptr<OpState> BroadcastTo::prepare(PrepareContext& context) const {
  const Layout repeated = Layout::strided(broadcast_strides(context.inputs[0].shape, shape_));
  return plan_copies({{.from = {context.inputs[0].dtype, shape_, repeated}, .to = context.outputs[0]}});
}

void BroadcastTo::run(OpContext& context) const { run_copies(context); }

std::vector<Value> BroadcastTo::vjp(VjpContext& context) const {
  return {sum_to(context, context.gradient(), context.type(context.input(0)).shape)};
}

void BroadcastTo::to_onnx(OnnxSink& sink) const {
  sink.emit("Expand", {sink.input(0), sink.expanded_shape_of_output(0)}, {sink.output(0)});
}

}  // namespace slipway
