#include "layers/ops/layer_norm.h"

#include "core/graph/onnx_sink.h"
#include "kernels/layer_norm.h"

namespace slipway {
namespace {

Shape sizes(const Shape& shape, int first, int last) {
  return Shape(shape.span().subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(last - first)));
}

/// (dy, x, mean, rstd, scale if any) -> (dx, dscale, dshift)
class LayerNormGradient : public Op {
 public:
  explicit LayerNormGradient(int axis) : axis_(axis) {}
  std::string_view name() const override { return "layer_norm_gradient"; }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    require(inputs.size() == 4 || inputs.size() == 5, name(), ": expects 4 or 5 inputs, got ", inputs.size());
    const ValueType sum(accumulator_of(inputs[0].dtype),
                        sizes(inputs[0].shape, axis_, inputs[0].shape.rank()));
    return {inputs[0], sum, sum};
  }
  std::unique_ptr<OpState> prepare(PrepareContext& context) const override {
    const ValueType& x = context.inputs[0];
    const std::int64_t rows = x.shape.elements(0, axis_), width = x.shape.elements(axis_, x.shape.rank());
    context.scratch_bytes = static_cast<std::size_t>(LayerNormGradientArgs::chunks(rows) * 2 * width) *
                            size_of(accumulator_of(x.dtype));
    return nullptr;
  }
  void run(OpContext& context) const override {
    const Shape& shape = context.input(0).shape();
    layer_norm_backward(context.stream,
                        {.dtype = context.input(0).dtype(),
                         .dy = context.input(0).data,
                         .x = context.input(1).data,
                         .mean = context.input(2).data,
                         .rstd = context.input(3).data,
                         .scale = context.inputs.size() == 5 ? context.input(4).data : nullptr,
                         .dx = context.output(0).data,
                         .dscale = context.output(1).data,
                         .dshift = context.output(2).data,
                         .rows = shape.elements(0, axis_),
                         .width = shape.elements(axis_, shape.rank()),
                         .partial = context.scratch});
  }
  Cost cost(std::span<const ValueType> inputs, std::span<const ValueType> outputs) const override {
    Cost cost = Op::cost(inputs, outputs);
    cost.flops = 16 * static_cast<double>(inputs[0].elements());
    return cost;
  }
  std::vector<InPlace> in_place() const override { return {{.output = 0, .input = 0}}; }

 private:
  int axis_;
};

}  // namespace

std::vector<ValueType> LayerNorm::infer(std::span<const ValueType> inputs) const {
  expect_inputs(*this, inputs, 1 + std::size_t{options_.scale} + std::size_t{options_.shift});
  const ValueType& x = inputs[0];
  require(is_floating(x.dtype), name(), ": expects a floating-point input, got ", x);
  const int first = axis(x.shape);
  const ValueType parameter(accumulator_of(x.dtype), sizes(x.shape, first, x.shape.rank()));
  for (std::size_t i = 1; i < inputs.size(); ++i) {
    require(inputs[i].dtype == parameter.dtype && inputs[i].shape == parameter.shape, name(), ": input ", x,
            " needs scale and shift ", parameter, ", got ", inputs[i]);
  }
  const ValueType statistic(accumulator_of(x.dtype), sizes(x.shape, 0, first));
  return {{x.dtype, x.shape}, statistic, statistic};
}

void LayerNorm::run(OpContext& context) const {
  const TensorView& x = context.input(0);
  const Shape& shape = x.shape();
  const int first = axis(shape);
  layer_norm_forward(context.stream,
                     {.dtype = x.dtype(),
                      .x = x.data,
                      .scale = options_.scale ? context.input(1).data : nullptr,
                      .shift = options_.shift ? context.input(options_.scale ? 2 : 1).data : nullptr,
                      .y = context.output(0).data,
                      .mean = context.output(1).data,
                      .rstd = context.output(2).data,
                      .rows = shape.elements(0, first),
                      .width = shape.elements(first, shape.rank()),
                      .epsilon = options_.epsilon});
}

// y = n scale + shift, n = (x - mean) rstd;  with g = dy scale:
// dx = rstd (g - mean(g) - n mean(g n));  dscale = Σ dy n;  dshift = Σ dy
std::vector<Value> LayerNorm::vjp(VjpContext& context) const {
  require(!context.gradient(1) && !context.gradient(2), name(), ": mean and rstd have no gradient");
  std::vector<Value> inputs = {context.gradient(), context.input(0), context.output(1), context.output(2)};
  if (options_.scale) inputs.push_back(context.input(1));
  const std::vector<Value> out =
      context.add_all(LayerNormGradient(axis(context.type(context.input(0)).shape)), std::move(inputs));
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
  inputs.push_back(
      options_.scale
          ? sink.input(1)
          : sink.constant(Tensor::full(x.dtype, sizes(x.shape, first, x.shape.rank()), 1), "scale"));
  if (options_.shift) inputs.push_back(sink.input(options_.scale ? 2 : 1));
  sink.emit("LayerNormalization", std::move(inputs), {sink.output(0)},
            {{"axis", first}, {"epsilon", options_.epsilon}});
}

}  // namespace slipway
