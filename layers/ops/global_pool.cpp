#include "layers/ops/global_pool.h"

#include <limits>

#include "core/graph/onnx_sink.h"
#include "kernels/pool2d.h"

namespace slipway {
namespace {

ValueType pooled(const Op& op, std::span<const ValueType> inputs) {
  expect_inputs(op, inputs, 1);
  expect_rank(op, inputs, 0, 4);
  const ValueType& x = inputs[0];
  require(is_floating(x.dtype), op.name(), ": expects a floating-point dtype, got ", x.dtype);
  const std::int64_t pixels = x.shape.elements(2, 4);
  require(pixels > 0, op.name(), ": expects at least one pixel, got ", x);
  require(pixels <= std::numeric_limits<std::int32_t>::max(), op.name(), ": too many pixels: ", x);
  return {x.dtype, Shape{x.shape[0], x.shape[1]}};
}

/// (x, dy, further inputs) -> dx; x lends its shape and layout only.
class GlobalPoolGradient : public Op {
 public:
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override { return {inputs[0]}; }
  LayoutRule layout_rule() const override { return LayoutRule::channels; }
};

class GlobalAvgPoolGradient : public GlobalPoolGradient {
 public:
  std::string_view name() const override { return "global_avg_pool_gradient"; }
  // dx[n, c, p] = dy[n, c] / pixels
  void run(OpContext& context) const override {
    global_avg_pool_backward(
        context.stream,
        {.x_type = context.output().type, .from = context.input(1).data, .to = context.output().data});
  }
};

class GlobalMaxPoolGradient : public GlobalPoolGradient {
 public:
  std::string_view name() const override { return "global_max_pool_gradient"; }
  // dx[n, c, p] = p == index[n, c] ? dy[n, c] : 0
  void run(OpContext& context) const override {
    global_max_pool_backward(context.stream, {.x_type = context.output().type,
                                              .dy = context.input(1).data,
                                              .index = context.input(2).pointer<std::int32_t>(),
                                              .dx = context.output().data});
  }
};

}  // namespace

std::vector<ValueType> GlobalAvgPool::infer(std::span<const ValueType> inputs) const {
  return {pooled(*this, inputs)};
}

void GlobalAvgPool::run(OpContext& context) const {
  global_avg_pool_forward(
      context.stream,
      {.x_type = context.input(0).type, .from = context.input(0).data, .to = context.output().data});
}

std::vector<Value> GlobalAvgPool::vjp(VjpContext& context) const {
  return {context.add(GlobalAvgPoolGradient(), {context.input(0), context.gradient()})};
}

void GlobalAvgPool::to_onnx(OnnxSink& sink) const {
  sink.emit("Flatten", {sink.node("GlobalAveragePool", {sink.input(0)})}, {sink.output(0)}, {{"axis", 1}});
}

std::vector<ValueType> GlobalMaxPool::infer(std::span<const ValueType> inputs) const {
  const ValueType y = pooled(*this, inputs);
  return {y, {DType::int32, y.shape}};
}

void GlobalMaxPool::run(OpContext& context) const {
  global_max_pool_forward(context.stream, {.x_type = context.input(0).type,
                                           .x = context.input(0).data,
                                           .y = context.output(0).data,
                                           .index = context.output(1).pointer<std::int32_t>()});
}

std::vector<Value> GlobalMaxPool::vjp(VjpContext& context) const {
  if (!context.gradient(0)) return {Value{}};
  return {context.add(GlobalMaxPoolGradient(), {context.input(0), context.gradient(0), context.output(1)})};
}

void GlobalMaxPool::to_onnx(OnnxSink& sink) const {
  sink.emit("Flatten", {sink.node("GlobalMaxPool", {sink.input(0)})}, {sink.output(0)}, {{"axis", 1}});
}

}  // namespace slipway
