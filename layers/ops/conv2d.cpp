#include "layers/ops/conv2d.h"

#include "core/graph/onnx_sink.h"
#include "layers/ops/binary.h"
#include "layers/ops/relu.h"
#include "layers/ops/window.h"

namespace slipway {
namespace {

Conv2dProblem problem(const ValueType& x, const ValueType& weight, const ValueType& y,
                      const Conv2dOptions& options) {
  return {.x = x,
          .weight = weight,
          .y = y,
          .window = options.window,
          .groups = options.groups,
          .has_bias = options.bias,
          .has_residual = options.residual,
          .activation = options.activation};
}

Cost convolution_cost(const Op& op, const Shape& weight, const Shape& y, std::span<const ValueType> inputs,
                      std::span<const ValueType> outputs) {
  Cost cost = op.Op::cost(inputs, outputs);
  cost.flops = 2.0 * static_cast<double>(y.elements()) * static_cast<double>(weight.elements(1, 4));
  return cost;
}

template <class Args>
using Prepared = PreparedKernel<Args>;

/// (dy, weight) -> dx
class Conv2dBackwardData : public Op {
 public:
  Conv2dBackwardData(const Conv2dOptions& options, const Shape& x) : options_(options), x_(x) {}
  std::string_view name() const override { return "conv2d_backward_data"; }
  std::string attributes() const override { return text("x=", x_, describe_window(options_.window)); }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    expect_inputs(*this, inputs, 2);
    return {{inputs[0].dtype, x_}};
  }
  std::unique_ptr<OpState> prepare(PrepareContext& context) const override {
    auto kernel = conv2d_backward_data(
        context.stream, problem(context.outputs[0], context.inputs[1], context.inputs[0], options_));
    context.scratch_bytes = kernel->scratch_bytes();
    return kernel;
  }
  // dx[n, i, ...] = sum_{o, p, q} weight[o, i, p, q] dy[n, o, ...]
  void run(OpContext& context) const override {
    context.prepared<Prepared<Conv2dBackwardDataArgs>>().run(context.stream, {.dy = context.input(0).data,
                                                                              .weight = context.input(1).data,
                                                                              .dx = context.output().data,
                                                                              .scratch = context.scratch});
  }
  Cost cost(std::span<const ValueType> inputs, std::span<const ValueType> outputs) const override {
    return convolution_cost(*this, inputs[1].shape, inputs[0].shape, inputs, outputs);
  }
  LayoutRule layout_rule() const override { return LayoutRule::chosen; }
  LayoutChoice choose_layouts(const Stream& stream, std::span<const ValueType> inputs,
                              std::span<const ValueType> outputs) const override {
    const Conv2dLayouts chosen = conv2d_layouts(stream, problem(outputs[0], inputs[1], inputs[0], options_));
    return {.inputs = {chosen.y, chosen.weight}, .outputs = {chosen.x}};
  }

 private:
  Conv2dOptions options_;
  Shape x_;
};

/// (x, dy) -> dweight, and dbias if options.bias
class Conv2dBackwardWeights : public Op {
 public:
  Conv2dBackwardWeights(const Conv2dOptions& options, const Shape& weight)
      : options_(options), weight_(weight) {}
  std::string_view name() const override { return "conv2d_backward_weights"; }
  std::string attributes() const override {
    return text("weight=", weight_, describe_window(options_.window));
  }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    expect_inputs(*this, inputs, 2);
    std::vector<ValueType> outputs{{inputs[0].dtype, weight_}};
    if (options_.bias) outputs.emplace_back(inputs[0].dtype, Shape{weight_[0]});
    return outputs;
  }
  std::unique_ptr<OpState> prepare(PrepareContext& context) const override {
    auto kernel = conv2d_backward_weights(
        context.stream, problem(context.inputs[0], context.outputs[0], context.inputs[1], options_));
    context.scratch_bytes = kernel->scratch_bytes();
    return kernel;
  }
  // dweight[o, i, p, q] = sum_{n, h, w} dy[n, o, h, w] x[n, i, ...];  dbias[o] = sum_{n, h, w} dy[n, o, h, w]
  void run(OpContext& context) const override {
    context.prepared<Prepared<Conv2dBackwardWeightsArgs>>().run(
        context.stream, {.x = context.input(0).data,
                         .dy = context.input(1).data,
                         .dweight = context.output(0).data,
                         .dbias = options_.bias ? context.output(1).data : nullptr,
                         .scratch = context.scratch});
  }
  Cost cost(std::span<const ValueType> inputs, std::span<const ValueType> outputs) const override {
    return convolution_cost(*this, weight_, inputs[1].shape, inputs, outputs);
  }
  LayoutRule layout_rule() const override { return LayoutRule::chosen; }
  LayoutChoice choose_layouts(const Stream& stream, std::span<const ValueType> inputs,
                              std::span<const ValueType> outputs) const override {
    const Conv2dLayouts chosen = conv2d_layouts(stream, problem(inputs[0], outputs[0], inputs[1], options_));
    LayoutChoice choice{.inputs = {chosen.x, chosen.y}, .outputs = {chosen.weight}};
    if (options_.bias) choice.outputs.push_back(Layout::row_major(outputs[1].shape));
    return choice;
  }

 private:
  Conv2dOptions options_;
  Shape weight_;
};

}  // namespace

Conv2d::Conv2d(const Conv2dOptions& options) : options_(options) {
  check_window("conv2d", options.window);
  require(options.groups >= 1, "conv2d: groups must be at least 1, got ", options.groups);
}

std::string Conv2d::attributes() const {
  std::string result = describe_window(options_.window);
  if (options_.groups != 1) result += text(" groups=", options_.groups);
  if (options_.residual) result += " residual";
  if (options_.activation == Activation::relu) result += " relu";
  return result.empty() ? result : result.substr(1);
}

std::vector<ValueType> Conv2d::infer(std::span<const ValueType> inputs) const {
  expect_inputs(*this, inputs, 2 + std::size_t{options_.bias} + std::size_t{options_.residual});
  expect_rank(*this, inputs, 0, 4);
  expect_rank(*this, inputs, 1, 4);
  const Shape &x = inputs[0].shape, &weight = inputs[1].shape;
  const DType dtype = inputs[0].dtype;
  require(is_floating(dtype), "conv2d: expects a floating-point dtype, got ", dtype);
  for (const ValueType& type : inputs) {
    require(type.dtype == dtype, "conv2d: inputs must have one type, got ", dtype, " and ", type.dtype);
  }
  require(x[1] % options_.groups == 0 && weight[0] % options_.groups == 0, "conv2d: ", options_.groups,
          " groups must divide ", x[1], " input channels and ", weight[0], " output channels");
  require(weight[1] * options_.groups == x[1], "conv2d: input has ", x[1], " channels, weight expects ",
          weight[1] * options_.groups);
  Shape y{x[0], weight[0]};
  for (int axis = 0; axis < 2; ++axis) {
    y.push_back(window_output_size("conv2d", options_.window, axis, x[2 + axis], weight[2 + axis]));
  }
  if (options_.bias) {
    require(inputs[2].shape == Shape{weight[0]}, "conv2d: bias must have shape [", weight[0], "], got ",
            inputs[2].shape);
  }
  if (options_.residual) {
    const Shape& residual = inputs[static_cast<std::size_t>(residual_input())].shape;
    require(residual == y, "conv2d: residual must have shape ", y, ", got ", residual);
  }
  return {{dtype, y}};
}

std::unique_ptr<OpState> Conv2d::prepare(PrepareContext& context) const {
  auto kernel = conv2d_forward(context.stream,
                               problem(context.inputs[0], context.inputs[1], context.outputs[0], options_));
  context.scratch_bytes = kernel->scratch_bytes();
  return kernel;
}

void Conv2d::run(OpContext& context) const {
  context.prepared<Prepared<Conv2dArgs>>().run(
      context.stream, {.x = context.input(0).data,
                       .weight = context.input(1).data,
                       .bias = options_.bias ? context.input(2).data : nullptr,
                       .residual = options_.residual ? context.input(residual_input()).data : nullptr,
                       .y = context.output().data,
                       .scratch = context.scratch});
}

std::vector<Value> Conv2d::vjp(VjpContext& context) const {
  require(!options_.residual && options_.activation == Activation::none,
          "conv2d: gradients are taken before fusion");
  const Value x = context.input(0), weight = context.input(1), dy = context.gradient();
  std::vector<Value> gradients(static_cast<std::size_t>(context.inputs()));
  if (context.needs(0)) {
    gradients[0] = context.add(Conv2dBackwardData(options_, context.type(x).shape), {dy, weight});
  }
  if (context.needs(1) || (options_.bias && context.needs(2))) {
    const std::vector<Value> parameters =
        context.add_all(Conv2dBackwardWeights(options_, context.type(weight).shape), {x, dy});
    for (std::size_t k = 0; k < parameters.size(); ++k) gradients[1 + k] = parameters[k];
  }
  return gradients;
}

Cost Conv2d::cost(std::span<const ValueType> inputs, std::span<const ValueType> outputs) const {
  return convolution_cost(*this, inputs[1].shape, outputs[0].shape, inputs, outputs);
}

void Conv2d::to_onnx(OnnxSink& sink) const {
  const Window2d& window = options_.window;
  const Shape& weight = sink.input_type(1).shape;
  std::vector<std::string> inputs{sink.input(0), sink.input(1)};
  if (options_.bias) inputs.push_back(sink.input(2));
  const std::vector<OnnxAttribute> attributes{{"kernel_shape", Dims{weight[2], weight[3]}},
                                              {"strides", Dims{window.stride[0], window.stride[1]}},
                                              {"dilations", Dims{window.dilation[0], window.dilation[1]}},
                                              {"pads", Dims{window.padding_begin[0], window.padding_begin[1],
                                                            window.padding_end[0], window.padding_end[1]}},
                                              {"group", options_.groups}};
  const bool relu = options_.activation == Activation::relu;
  if (!relu && !options_.residual) return sink.emit("Conv", inputs, {sink.output(0)}, attributes);
  std::string y = sink.node("Conv", inputs, attributes);
  if (options_.residual) {
    const std::vector<std::string> terms{y, sink.input(residual_input())};
    if (!relu) return sink.emit("Add", terms, {sink.output(0)});
    y = sink.node("Add", terms);
  }
  sink.emit("Relu", {y}, {sink.output(0)});
}

std::vector<InPlace> Conv2d::in_place() const {
  if (!options_.residual) return {};
  return {{.output = 0, .input = residual_input()}};
}

LayoutChoice Conv2d::choose_layouts(const Stream& stream, std::span<const ValueType> inputs,
                                    std::span<const ValueType> outputs) const {
  const Conv2dLayouts chosen = conv2d_layouts(stream, problem(inputs[0], inputs[1], outputs[0], options_));
  LayoutChoice choice{.inputs = {chosen.x, chosen.weight}, .outputs = {chosen.y}};
  if (options_.bias) choice.inputs.push_back(Layout::row_major(inputs[2].shape));
  if (options_.residual) choice.inputs.push_back(chosen.y);
  return choice;
}

OpPtr Conv2d::fuse_consumer(int, const Op& consumer, int) const {
  if (options_.activation != Activation::none) return nullptr;
  Conv2dOptions fused = options_;
  const auto* relu = dynamic_cast<const Relu*>(&consumer);
  const auto* binary = dynamic_cast<const Binary*>(&consumer);
  if (relu && relu->slope() == 0)
    fused.activation = Activation::relu;
  else if (binary && binary->function() == BinaryFunction::add && !options_.residual)
    fused.residual = true;
  else
    return nullptr;
  return std::make_shared<Conv2d>(fused);
}

}  // namespace slipway
