#include "layers/ops/pool2d.h"

#include "core/graph/onnx_sink.h"
#include "kernels/pool2d.h"
#include "layers/ops/window.h"

namespace slipway {
namespace {

void check_options(const char* actor, const Pool2dOptions& options) {
  check_window(actor, options.window);
  for (std::size_t k = 0; k < 2; ++k) {
    require(options.kernel[k] >= 1, actor, ": kernel must be at least 1, got ", options.kernel[k]);
    const std::int64_t reach = (options.kernel[k] - 1) * options.window.dilation[k] + 1;
    const std::int64_t padding = std::max(options.window.padding_begin[k], options.window.padding_end[k]);
    require(padding < reach, actor, ": padding must be smaller than the window of ", reach, ", got ",
            padding);
  }
}

std::string describe(const Pool2dOptions& options) {
  return text("kernel=", Dims{options.kernel[0], options.kernel[1]}, describe_window(options.window));
}

ValueType pooled(const Op& op, const Pool2dOptions& options, std::span<const ValueType> inputs) {
  expect_inputs(op, inputs, 1);
  expect_rank(op, inputs, 0, 4);
  const ValueType& x = inputs[0];
  require(is_floating(x.dtype), op.name(), ": expects a floating-point dtype, got ", x.dtype);
  Shape y{x.shape[0], x.shape[1]};
  const std::string actor(op.name());
  for (int axis = 0; axis < 2; ++axis) {
    const std::int64_t kernel = options.kernel[static_cast<std::size_t>(axis)];
    y.push_back(window_output_size(actor.c_str(), options.window, axis, x.shape[2 + axis], kernel));
  }
  return {x.dtype, y};
}

std::vector<OnnxAttribute> onnx_attributes(const Pool2dOptions& options) {
  const auto& [stride, dilation, begin, end] = options.window;
  return {{"kernel_shape", Dims{options.kernel[0], options.kernel[1]}},
          {"strides", Dims{stride[0], stride[1]}},
          {"pads", Dims{begin[0], begin[1], end[0], end[1]}},
          {"ceil_mode", 0}};
}

/// (dy, index) -> dx
class MaxPool2dGradient : public Op {
 public:
  MaxPool2dGradient(const Pool2dOptions& options, const Shape& x) : options_(options), x_(x) {}
  std::string_view name() const override { return "max_pool2d_gradient"; }
  std::string attributes() const override { return describe(options_); }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    expect_inputs(*this, inputs, 2);
    return {{inputs[0].dtype, x_}};
  }
  // dx[n, c, p] = sum of dy over the windows whose first maximum lies at p
  void run(OpContext& context) const override {
    max_pool2d_backward(context.stream, {.x_type = context.output().type,
                                         .y_type = context.input(0).type,
                                         .index_type = context.input(1).type,
                                         .kernel = options_.kernel,
                                         .window = options_.window,
                                         .dy = context.input(0).data,
                                         .index = context.input(1).data,
                                         .dx = context.output().data});
  }
  LayoutRule layout_rule() const override { return LayoutRule::channels; }

 private:
  Pool2dOptions options_;
  Shape x_;
};

/// dy -> dx
class AvgPool2dGradient : public Op {
 public:
  AvgPool2dGradient(const AvgPool2d::Options& options, const Shape& x) : options_(options), x_(x) {}
  std::string_view name() const override { return "avg_pool2d_gradient"; }
  std::string attributes() const override { return describe(options_); }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    expect_inputs(*this, inputs, 1);
    return {{inputs[0].dtype, x_}};
  }
  // dx[n, c, p] = sum of dy / divisor over the windows that contain p
  void run(OpContext& context) const override {
    avg_pool2d_backward(context.stream, {.x_type = context.output().type,
                                         .y_type = context.input(0).type,
                                         .kernel = options_.kernel,
                                         .window = options_.window,
                                         .count_include_pad = options_.count_include_pad,
                                         .from = context.input(0).data,
                                         .to = context.output().data});
  }
  LayoutRule layout_rule() const override { return LayoutRule::channels; }

 private:
  AvgPool2d::Options options_;
  Shape x_;
};

}  // namespace

MaxPool2d::MaxPool2d(const Pool2dOptions& options) : options_(options) {
  check_options("max_pool2d", options);
}

std::string MaxPool2d::attributes() const { return describe(options_); }

std::vector<ValueType> MaxPool2d::infer(std::span<const ValueType> inputs) const {
  const ValueType y = pooled(*this, options_, inputs);
  const bool small = options_.kernel[0] * options_.kernel[1] <= 256;
  return {y, {small ? DType::uint8 : DType::int32, y.shape}};
}

void MaxPool2d::run(OpContext& context) const {
  max_pool2d_forward(context.stream, {.x_type = context.input(0).type,
                                      .y_type = context.output(0).type,
                                      .index_type = context.output(1).type,
                                      .kernel = options_.kernel,
                                      .window = options_.window,
                                      .x = context.input(0).data,
                                      .y = context.output(0).data,
                                      .index = context.output(1).data});
}

std::vector<Value> MaxPool2d::vjp(VjpContext& context) const {
  if (!context.gradient(0)) return {Value{}};
  return {context.add(MaxPool2dGradient(options_, context.type(context.input(0)).shape),
                      {context.gradient(0), context.output(1)})};
}

void MaxPool2d::to_onnx(OnnxSink& sink) const {
  std::vector<OnnxAttribute> attributes = onnx_attributes(options_);
  const auto& dilation = options_.window.dilation;
  attributes.emplace_back("dilations", Dims{dilation[0], dilation[1]});
  attributes.emplace_back("storage_order", 0);
  sink.emit("MaxPool", {sink.input(0)}, {sink.output(0)}, attributes);
}

AvgPool2d::AvgPool2d(const Options& options) : options_(options) {
  check_options("avg_pool2d", options);
  require(options.window.dilation == std::array<std::int64_t, 2>{1, 1},
          "avg_pool2d: dilation must be 1, got ", options.window.dilation[0], " and ",
          options.window.dilation[1]);
}

std::string AvgPool2d::attributes() const {
  return describe(options_) + (options_.count_include_pad ? "" : " count_include_pad=false");
}

std::vector<ValueType> AvgPool2d::infer(std::span<const ValueType> inputs) const {
  return {pooled(*this, options_, inputs)};
}

void AvgPool2d::run(OpContext& context) const {
  avg_pool2d_forward(context.stream, {.x_type = context.input(0).type,
                                      .y_type = context.output().type,
                                      .kernel = options_.kernel,
                                      .window = options_.window,
                                      .count_include_pad = options_.count_include_pad,
                                      .from = context.input(0).data,
                                      .to = context.output().data});
}

std::vector<Value> AvgPool2d::vjp(VjpContext& context) const {
  return {
      context.add(AvgPool2dGradient(options_, context.type(context.input(0)).shape), {context.gradient()})};
}

void AvgPool2d::to_onnx(OnnxSink& sink) const {
  std::vector<OnnxAttribute> attributes = onnx_attributes(options_);
  attributes.emplace_back("count_include_pad", options_.count_include_pad ? 1 : 0);
  sink.emit("AveragePool", {sink.input(0)}, {sink.output(0)}, attributes);
}

}  // namespace slipway
