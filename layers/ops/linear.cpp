#include "layers/ops/linear.h"

#include "core/graph/onnx_sink.h"
#include "kernels/linear.h"
#include "layers/ops/relu.h"

namespace slipway {
namespace {

/// The type as a matrix: every axis but the last counts rows.
ValueType as_rows(const ValueType& type) {
  const int last = type.shape.rank() - 1;
  return {type.dtype, Shape{type.shape.elements(0, last), type.shape[last]}};
}

Layout row_major(const ValueType& type) { return Layout::row_major(type.shape); }

Cost product_cost(const Op& op, const Shape& weight, const ValueType& x, std::span<const ValueType> inputs,
                  std::span<const ValueType> outputs) {
  Cost cost = op.Op::cost(inputs, outputs);
  cost.flops = 2.0 * static_cast<double>(x.elements()) * static_cast<double>(weight[0]);
  return cost;
}

/// (dy, weight) -> dx
class LinearBackwardData : public Op {
 public:
  std::string_view name() const override { return "linear_backward_data"; }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    expect_inputs(*this, inputs, 2);
    const Shape& dy = inputs[0].shape;
    return {{inputs[0].dtype, Shape(dy.with(dy.rank() - 1, inputs[1].shape[1]))}};
  }
  std::unique_ptr<OpState> prepare(PrepareContext& context) const override {
    auto kernel = linear_backward_data(
        context.stream,
        {.x = as_rows(context.outputs[0]), .weight = context.inputs[1], .y = as_rows(context.inputs[0])});
    context.scratch_bytes = kernel->scratch_bytes();
    return kernel;
  }
  // dx = dy weight
  void run(OpContext& context) const override {
    context.prepared<PreparedKernel<LinearBackwardDataArgs>>().run(context.stream,
                                                                   {.dy = context.input(0).data,
                                                                    .weight = context.input(1).data,
                                                                    .dx = context.output().data,
                                                                    .scratch = context.scratch});
  }
  Cost cost(std::span<const ValueType> inputs, std::span<const ValueType> outputs) const override {
    return product_cost(*this, inputs[1].shape, outputs[0], inputs, outputs);
  }
  LayoutRule layout_rule() const override { return LayoutRule::chosen; }
  LayoutChoice choose_layouts(const Stream& stream, std::span<const ValueType> inputs,
                              std::span<const ValueType> outputs) const override {
    return {.inputs = {row_major(inputs[0]), linear_weight_layout(stream, inputs[1])},
            .outputs = {row_major(outputs[0])}};
  }
};

/// (x, dy) -> dweight, and dbias if asked for
class LinearBackwardWeights : public Op {
 public:
  enum class Bias { without, with };
  explicit LinearBackwardWeights(Bias bias) : bias_(bias) {}
  std::string_view name() const override { return "linear_backward_weights"; }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    expect_inputs(*this, inputs, 2);
    const DType dtype = inputs[0].dtype;
    const std::int64_t in = inputs[0].shape.back(), out = inputs[1].shape.back();
    std::vector<ValueType> outputs{{dtype, Shape{out, in}}};
    if (bias_ == Bias::with) outputs.emplace_back(dtype, Shape{out});
    return outputs;
  }
  std::unique_ptr<OpState> prepare(PrepareContext& context) const override {
    auto kernel = linear_backward_weights(context.stream, {.x = as_rows(context.inputs[0]),
                                                           .weight = context.outputs[0],
                                                           .y = as_rows(context.inputs[1]),
                                                           .has_bias = bias_ == Bias::with});
    context.scratch_bytes = kernel->scratch_bytes();
    return kernel;
  }
  // dweight = dyᵀ x;  dbias[o] = sum_i dy[i, o]
  void run(OpContext& context) const override {
    context.prepared<PreparedKernel<LinearBackwardWeightsArgs>>().run(
        context.stream, {.x = context.input(0).data,
                         .dy = context.input(1).data,
                         .dweight = context.output(0).data,
                         .dbias = bias_ == Bias::with ? context.output(1).data : nullptr,
                         .scratch = context.scratch});
  }
  Cost cost(std::span<const ValueType> inputs, std::span<const ValueType> outputs) const override {
    return product_cost(*this, outputs[0].shape, inputs[0], inputs, outputs);
  }
  LayoutRule layout_rule() const override { return LayoutRule::chosen; }
  LayoutChoice choose_layouts(const Stream& stream, std::span<const ValueType> inputs,
                              std::span<const ValueType> outputs) const override {
    LayoutChoice choice{.inputs = {row_major(inputs[0]), row_major(inputs[1])},
                        .outputs = {linear_weight_layout(stream, outputs[0])}};
    if (bias_ == Bias::with) choice.outputs.push_back(row_major(outputs[1]));
    return choice;
  }

 private:
  Bias bias_;
};

}  // namespace

std::vector<ValueType> Linear::infer(std::span<const ValueType> inputs) const {
  expect_inputs(*this, inputs, 2 + std::size_t{options_.bias});
  expect_rank(*this, inputs, 1, 2);
  const Shape &x = inputs[0].shape, &weight = inputs[1].shape;
  const DType dtype = inputs[0].dtype;
  require(x.rank() >= 1, "linear: input must have at least one axis, got ", inputs[0]);
  require(is_floating(dtype), "linear: expects a floating-point dtype, got ", dtype);
  for (const ValueType& type : inputs) {
    require(type.dtype == dtype, "linear: inputs must have one type, got ", dtype, " and ", type.dtype);
  }
  require(x.back() == weight[1], "linear: input has ", x.back(), " features, weight expects ", weight[1]);
  if (options_.bias) {
    require(inputs[2].shape == Shape{weight[0]}, "linear: bias must have shape [", weight[0], "], got ",
            inputs[2].shape);
  }
  return {{dtype, Shape(x.with(x.rank() - 1, weight[0]))}};
}

std::unique_ptr<OpState> Linear::prepare(PrepareContext& context) const {
  auto kernel = linear_forward(context.stream, {.x = as_rows(context.inputs[0]),
                                                .weight = context.inputs[1],
                                                .y = as_rows(context.outputs[0]),
                                                .has_bias = options_.bias,
                                                .activation = options_.activation});
  context.scratch_bytes = kernel->scratch_bytes();
  return kernel;
}

void Linear::run(OpContext& context) const {
  context.prepared<PreparedKernel<LinearArgs>>().run(context.stream,
                                                     {.x = context.input(0).data,
                                                      .weight = context.input(1).data,
                                                      .bias = options_.bias ? context.input(2).data : nullptr,
                                                      .y = context.output().data,
                                                      .scratch = context.scratch});
}

std::vector<Value> Linear::vjp(VjpContext& context) const {
  require(options_.activation == Activation::none, "linear: gradients are taken before fusion");
  std::vector<Value> gradients(static_cast<std::size_t>(context.inputs()));
  const Value dy = context.gradient();
  if (context.needs(0)) gradients[0] = context.add(LinearBackwardData(), {dy, context.input(1)});
  if (context.needs(1) || (options_.bias && context.needs(2))) {
    using Bias = LinearBackwardWeights::Bias;
    const std::vector<Value> parameters = context.add_all(
        LinearBackwardWeights(options_.bias ? Bias::with : Bias::without), {context.input(0), dy});
    for (std::size_t k = 0; k < parameters.size(); ++k) gradients[1 + k] = parameters[k];
  }
  return gradients;
}

Cost Linear::cost(std::span<const ValueType> inputs, std::span<const ValueType> outputs) const {
  return product_cost(*this, inputs[1].shape, inputs[0], inputs, outputs);
}

void Linear::to_onnx(OnnxSink& sink) const {
  const bool relu = options_.activation == Activation::relu;
  std::string y;
  if (sink.input_type(0).shape.rank() == 2) {
    std::vector<std::string> inputs{sink.input(0), sink.input(1)};
    if (options_.bias) inputs.push_back(sink.input(2));
    const std::vector<OnnxAttribute> attributes{
        {"alpha", 1.0F}, {"beta", 1.0F}, {"transA", 0}, {"transB", 1}};
    if (!relu) return sink.emit("Gemm", inputs, {sink.output(0)}, attributes);
    y = sink.node("Gemm", inputs, attributes);
  } else {
    const std::string weight = sink.node("Transpose", {sink.input(1)}, {{"perm", Dims{1, 0}}});
    const std::vector<std::string> factors{sink.input(0), weight};
    if (!relu && !options_.bias) return sink.emit("MatMul", factors, {sink.output(0)});
    y = sink.node("MatMul", factors);
    if (options_.bias) {
      const std::vector<std::string> terms{y, sink.input(2)};
      if (!relu) return sink.emit("Add", terms, {sink.output(0)});
      y = sink.node("Add", terms);
    }
  }
  sink.emit("Relu", {y}, {sink.output(0)});
}

LayoutChoice Linear::choose_layouts(const Stream& stream, std::span<const ValueType> inputs,
                                    std::span<const ValueType> outputs) const {
  LayoutChoice choice{.inputs = {row_major(inputs[0]), linear_weight_layout(stream, inputs[1])},
                      .outputs = {row_major(outputs[0])}};
  if (options_.bias) choice.inputs.push_back(row_major(inputs[2]));
  return choice;
}

OpPtr Linear::fuse_consumer(int, const Op& consumer, int) const {
  const auto* relu = dynamic_cast<const Relu*>(&consumer);
  if (!relu || relu->slope() != 0 || options_.activation != Activation::none) return nullptr;
  return std::make_shared<Linear>(Options{.bias = options_.bias, .activation = Activation::relu});
}

}  // namespace slipway
