#include "layers/ops/gather.h"

#include "core/graph/onnx_sink.h"
#include "kernels/gather.h"
#include "kernels/memory.h"
#include "layers/ops/fill.h"

namespace slipway {
namespace {

/// The sizes before an axis, along it and after it.
struct Line {
  Line(const Shape& shape, std::int64_t along, const char* actor)
      : axis(normalize_axis(along, shape.rank(), actor)),
        outer(shape.elements(0, axis)),
        count(shape[axis]),
        inner(shape.elements(axis + 1, shape.rank())) {}
  int axis;
  std::int64_t outer, count, inner;
};

/// Checks that ids pick along one axis of x.
void check_ids(const Op& op, const ValueType& x, const ValueType& ids, std::int64_t axis) {
  require(is_floating(x.dtype), op.name(), ": expects floating-point values, got ", x);
  require(ids.dtype == DType::int32 || ids.dtype == DType::int64, op.name(),
          ": expects int32 or int64 ids, got ", ids);
  const int along = normalize_axis(axis, x.shape.rank(), op.name().data());
  require(ids.shape.rank() == x.shape.rank() && ids.shape.with(along, x.shape[along]) == x.shape, op.name(),
          ": ids ", ids, " may differ from ", x, " along axis ", along, " only");
}

}  // namespace

std::vector<ValueType> Gather::infer(std::span<const ValueType> inputs) const {
  expect_inputs(*this, inputs, 2);
  check_ids(*this, inputs[0], inputs[1], axis_);
  return {{inputs[0].dtype, inputs[1].shape}};
}

void Gather::run(OpContext& context) const {
  const TensorView &x = context.input(0), &ids = context.input(1);
  const Line line(x.shape(), axis_, "gather");
  gather_kernel(context.stream, {.dtype = x.dtype(),
                                 .ids_dtype = ids.dtype(),
                                 .x = x.data,
                                 .ids = ids.data,
                                 .y = context.output().data,
                                 .outer = line.outer,
                                 .count = line.count,
                                 .picked = ids.shape()[line.axis],
                                 .inner = line.inner});
}

// y[k] = x[ids[k]];  dx[n] = Σ dy[k] over ids[k] == n
std::vector<Value> Gather::vjp(VjpContext& context) const {
  const ValueType x = context.type(context.input(0));
  const Value zeros = context.add(Fill(x.dtype, x.shape, 0), {});
  return {context.add(ScatterAdd(axis_), {zeros, context.input(1), context.gradient()}), {}};
}

void Gather::to_onnx(OnnxSink& sink) const {
  sink.emit("GatherElements", {sink.input(0), sink.input(1)}, {sink.output(0)}, {{"axis", axis_}});
}

std::vector<ValueType> ScatterAdd::infer(std::span<const ValueType> inputs) const {
  expect_inputs(*this, inputs, 3);
  check_ids(*this, inputs[0], inputs[1], axis_);
  const ValueType updates(inputs[0].dtype, inputs[1].shape);
  require(inputs[2] == updates, name(), ": expects updates ", updates, ", got ", inputs[2]);
  return {inputs[0]};
}

void ScatterAdd::run(OpContext& context) const {
  const TensorView &x = context.input(0), &ids = context.input(1), &y = context.output();
  if (x.data != y.data) copy_bytes(context.stream, {x.data, y.data, x.type.bytes()});
  const Line line(x.shape(), axis_, "scatter_add");
  scatter_add_kernel(context.stream, {.dtype = x.dtype(),
                                      .ids_dtype = ids.dtype(),
                                      .updates = context.input(2).data,
                                      .ids = ids.data,
                                      .y = y.data,
                                      .outer = line.outer,
                                      .count = line.count,
                                      .picked = ids.shape()[line.axis],
                                      .inner = line.inner});
}

// y[ids[k]] += u[k];  dx = dy;  du[k] = dy[ids[k]]
std::vector<Value> ScatterAdd::vjp(VjpContext& context) const {
  const Value dy = context.gradient();
  return {dy, {}, context.needs(2) ? context.add(Gather(axis_), {dy, context.input(1)}) : Value{}};
}

void ScatterAdd::to_onnx(OnnxSink& sink) const {
  sink.emit("ScatterElements", {sink.input(0), sink.input(1), sink.input(2)}, {sink.output(0)},
            {{"axis", axis_}, {"reduction", "add"}});
}

std::vector<ValueType> TopK::infer(std::span<const ValueType> inputs) const {
  expect_inputs(*this, inputs, 1);
  const ValueType& x = inputs[0];
  require(is_floating(x.dtype), name(), ": expects floating-point values, got ", x);
  const int axis = normalize_axis(axis_, x.shape.rank(), "top_k");
  require(k_ >= 0 && k_ <= x.shape[axis], name(), ": can't take ", k_, " elements along axis ", axis, " of ",
          x);
  const Shape picked = x.shape.with(axis, k_);
  return {{x.dtype, picked}, {DType::int64, picked}};
}

void TopK::run(OpContext& context) const {
  const TensorView& x = context.input(0);
  const Line line(x.shape(), axis_, "top_k");
  top_k_kernel(context.stream, {.dtype = x.dtype(),
                                .x = x.data,
                                .values = context.output(0).data,
                                .indices = context.output(1).pointer<std::int64_t>(),
                                .outer = line.outer,
                                .count = line.count,
                                .picked = k_,
                                .inner = line.inner});
}

// y[k] = x[i[k]];  dx[i[k]] = dy[k]
std::vector<Value> TopK::vjp(VjpContext& context) const {
  if (!context.gradient(0)) return {Value{}};
  const ValueType x = context.type(context.input(0));
  const Value zeros = context.add(Fill(x.dtype, x.shape, 0), {});
  return {context.add(ScatterAdd(axis_), {zeros, context.output(1), context.gradient(0)})};
}

void TopK::to_onnx(OnnxSink& sink) const {
  const std::string k = sink.constant(Tensor::of<std::int64_t>({1}, {k_}), "k");
  sink.emit("TopK", {sink.input(0), k}, {sink.output(0), sink.output(1)},
            {{"axis", axis_}, {"largest", 1}, {"sorted", 1}});
}

}  // namespace slipway
