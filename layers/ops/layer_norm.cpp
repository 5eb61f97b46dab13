#include "layers/ops/layer_norm.h"

#include <array>

#include "core/graph/onnx_sink.h"
#include "kernels/layer_norm.h"
#include "layers/ops/binary.h"

namespace slipway {
namespace {

Shape sizes(const Shape& shape, int first, int last) {
  return Shape(shape.span().subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(last - first)));
}

bool is_sum(const Op& op) {
  const auto* binary = dynamic_cast<const Binary*>(&op);
  return binary && binary->function() == BinaryFunction::add;
}

/// (dy, x, mean, rstd, scale if any) -> (dx, dscale, dshift); after fusion with the sum of two gradients that
/// meet: (..., the other one) -> (their sum, dscale, dshift)
class LayerNormGradient : public Op {
 public:
  struct Options {
    int axis = 0;
    bool scale = true;
    bool residual = false;
  };
  explicit LayerNormGradient(const Options& options) : options_(options) {}
  std::string_view name() const override { return "layer_norm_gradient"; }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    expect_inputs(*this, inputs, 4 + std::size_t{options_.scale} + std::size_t{options_.residual});
    require(!options_.residual || inputs.back() == inputs[0], name(), ": can't add ", inputs.back(), " to ",
            inputs[0]);
    const ValueType sum(accumulator_of(inputs[0].dtype),
                        sizes(inputs[0].shape, options_.axis, inputs[0].shape.rank()));
    return {inputs[0], sum, sum};
  }
  std::unique_ptr<OpState> prepare(PrepareContext& context) const override {
    const ValueType& x = context.inputs[0];
    const std::int64_t rows = x.shape.elements(0, options_.axis),
                       width = x.shape.elements(options_.axis, x.shape.rank());
    context.scratch_bytes = static_cast<std::size_t>(LayerNormGradientArgs::chunks(rows) * 2 * width) *
                            size_of(accumulator_of(x.dtype));
    return nullptr;
  }
  void run(OpContext& context) const override {
    const Shape& shape = context.input(0).shape();
    layer_norm_backward(context.stream, {.dtype = context.input(0).dtype(),
                                         .dy = context.input(0).data,
                                         .x = context.input(1).data,
                                         .mean = context.input(2).data,
                                         .rstd = context.input(3).data,
                                         .scale = options_.scale ? context.input(4).data : nullptr,
                                         .dx = context.output(0).data,
                                         .dscale = context.output(1).data,
                                         .dshift = context.output(2).data,
                                         .rows = shape.elements(0, options_.axis),
                                         .width = shape.elements(options_.axis, shape.rank()),
                                         .dx_too = options_.residual ? context.inputs.back().data : nullptr,
                                         .partial = context.scratch});
  }
  Cost cost(std::span<const ValueType> inputs, std::span<const ValueType> outputs) const override {
    Cost cost = Op::cost(inputs, outputs);
    cost.flops = 16 * static_cast<double>(inputs[0].elements());
    return cost;
  }
  std::vector<InPlace> in_place() const override {
    std::vector<InPlace> rules{{.output = 0, .input = 0}};
    if (options_.residual) rules.push_back({.output = 0, .input = options_.scale ? 5 : 4});
    return rules;
  }
  OpPtr fuse_consumer(int output, const Op& consumer, int) const override {
    if (output != 0 || options_.residual || !is_sum(consumer)) return nullptr;
    Options options = options_;
    options.residual = true;
    return std::make_shared<LayerNormGradient>(options);
  }

 private:
  Options options_;
};

}  // namespace

std::string LayerNorm::attributes() const {
  constexpr std::array<const char*, 3> kResidual = {"", " residual", " residual=kept"};
  return text("axis=", options_.axis, " epsilon=", options_.epsilon,
              kResidual[static_cast<std::size_t>(options_.residual)]);
}

std::vector<ValueType> LayerNorm::infer(std::span<const ValueType> inputs) const {
  expect_inputs(*this, inputs,
                1 + std::size_t{has_residual()} + std::size_t{options_.scale} + std::size_t{options_.shift});
  const ValueType& x = inputs[0];
  require(is_floating(x.dtype), name(), ": expects a floating-point input, got ", x);
  const int first = axis(x.shape);
  const ValueType parameter(accumulator_of(x.dtype), sizes(x.shape, first, x.shape.rank()));
  require(!has_residual() || inputs[1] == x, name(), ": can't add ", inputs[1], " to ", x);
  for (std::size_t i = static_cast<std::size_t>(scale_input()); i < inputs.size(); ++i) {
    require(inputs[i].dtype == parameter.dtype && inputs[i].shape == parameter.shape, name(), ": input ", x,
            " needs scale and shift ", parameter, ", got ", inputs[i]);
  }
  const ValueType statistic(accumulator_of(x.dtype), sizes(x.shape, 0, first));
  std::vector<ValueType> outputs = {{x.dtype, x.shape}, statistic, statistic};
  if (options_.residual == Residual::added_and_kept) outputs.push_back(outputs[0]);
  return outputs;
}

void LayerNorm::run(OpContext& context) const {
  const TensorView& x = context.input(0);
  const Shape& shape = x.shape();
  const int first = axis(shape);
  layer_norm_forward(
      context.stream,
      {.dtype = x.dtype(),
       .x = x.data,
       .scale = options_.scale ? context.input(scale_input()).data : nullptr,
       .shift = options_.shift ? context.input(shift_input()).data : nullptr,
       .y = context.output(0).data,
       .mean = context.output(1).data,
       .rstd = context.output(2).data,
       .rows = shape.elements(0, first),
       .width = shape.elements(first, shape.rank()),
       .epsilon = options_.epsilon,
       .residual = has_residual() ? context.input(1).data : nullptr,
       .sum = options_.residual == Residual::added_and_kept ? context.output(3).data : nullptr});
}

std::vector<InPlace> LayerNorm::in_place() const {
  std::vector<InPlace> rules{{.output = 0, .input = 0}};
  if (has_residual()) rules.push_back({.output = 0, .input = 1});
  if (options_.residual == Residual::added_and_kept) {
    rules.push_back({.output = 3, .input = 0});
    rules.push_back({.output = 3, .input = 1});
  }
  return rules;
}

OpPtr LayerNorm::with_residual(const Op& producer, int input, Residual residual) const {
  if (input != 0 || has_residual() || !is_sum(producer)) return nullptr;
  Options options = options_;
  options.residual = residual;
  return std::make_shared<LayerNorm>(options);
}

OpPtr LayerNorm::fuse_producer(const Op& producer, int input) const {
  return with_residual(producer, input, Residual::added);
}

OpPtr LayerNorm::fuse_shared_producer(const Op& producer, int input) const {
  return with_residual(producer, input, Residual::added_and_kept);
}

// y = n scale + shift, n = (x - mean) rstd;  with g = dy scale:
// dx = rstd (g - mean(g) - n mean(g n));  dscale = Σ dy n;  dshift = Σ dy
std::vector<Value> LayerNorm::vjp(VjpContext& context) const {
  require(!has_residual(), name(), ": gradients are taken before fusion");
  require(!context.gradient(1) && !context.gradient(2), name(), ": mean and rstd have no gradient");
  std::vector<Value> inputs = {context.gradient(), context.input(0), context.output(1), context.output(2)};
  if (options_.scale) inputs.push_back(context.input(1));
  const std::vector<Value> out = context.add_all(
      LayerNormGradient({.axis = axis(context.type(context.input(0)).shape), .scale = options_.scale}),
      std::move(inputs));
  std::vector<Value> gradients = {out[0]};
  if (options_.scale) gradients.push_back(out[1]);
  if (options_.shift) gradients.push_back(out[2]);
  return gradients;
}

Cost LayerNorm::cost(std::span<const ValueType> inputs, std::span<const ValueType> outputs) const {
  Cost cost = Op::cost(inputs, outputs);
  cost.flops = 8 * static_cast<double>(inputs[0].elements());
  return cost;
}

void LayerNorm::to_onnx(OnnxSink& sink) const {
  const ValueType& x = sink.input_type(0);
  const int first = axis(x.shape);
  std::vector<std::string> inputs = {sink.input(0)};
  if (options_.residual == Residual::added_and_kept) {
    sink.emit("Add", {sink.input(0), sink.input(1)}, {sink.output(3)});
    inputs = {sink.output(3)};
  } else if (has_residual()) {
    inputs = {sink.node("Add", {sink.input(0), sink.input(1)})};
  }
  inputs.push_back(
      options_.scale
          ? sink.input(scale_input())
          : sink.constant(Tensor::full(x.dtype, sizes(x.shape, first, x.shape.rank()), 1), "scale"));
  if (options_.shift) inputs.push_back(sink.input(shift_input()));
  sink.emit("LayerNormalization", std::move(inputs), {sink.output(0)},
            {{"axis", first}, {"epsilon", options_.epsilon}});
}

}  // namespace slipway
