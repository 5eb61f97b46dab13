#include "layers/ops/cross_entropy.h"

#include "kernels/cross_entropy.h"
#include "layers/ops/scale.h"

namespace slipway {

std::string CrossEntropy::attributes() const {
  std::string out = text("smoothing=", options_.smoothing, " ignored_label=", options_.ignored_label);
  return with_gradient() ? out : out + " loss_only";
}

std::vector<ValueType> CrossEntropy::infer(std::span<const ValueType> inputs) const {
  const std::size_t least = 2 + std::size_t{with_divisor()};
  require(inputs.size() == least || inputs.size() == least + 1, name(), ": expects ", least, " or ",
          least + 1, " inputs, got ", inputs.size());
  const ValueType& logits = inputs[0];
  require(is_floating(logits.dtype) && logits.shape.rank() >= 2, name(),
          ": expects floating-point logits [batch, classes, ...], got ", logits);
  require(logits.shape[1] > 0, name(), ": expects at least one class, got ", logits);
  const ValueType labels(DType::int64, logits.shape.without(1));
  require(inputs[1].dtype == labels.dtype && inputs[1].shape == labels.shape, name(), ": logits ", logits,
          " need targets ", labels, ", got ", inputs[1]);
  require(!with_divisor() || inputs.back() == ValueType(DType::float64, {}), name(),
          ": expects a divisor float64[], got ", inputs.back());
  if (is_weighted(inputs.size())) {
    const ValueType weights(logits.dtype, {logits.shape[1]});
    require(inputs[2].dtype == weights.dtype && inputs[2].shape == weights.shape, name(), ": logits ", logits,
            " need class weights ", weights, ", got ", inputs[2]);
  }
  const ValueType loss(logits.dtype, {});
  if (!with_gradient()) return {loss};
  return {loss, {logits.dtype, logits.shape}};
}

std::unique_ptr<OpState> CrossEntropy::prepare(PrepareContext& context) const {
  context.scratch_bytes = 2 * static_cast<std::size_t>(CrossEntropyArgs::kParts) * sizeof(double);
  return nullptr;
}

void CrossEntropy::run(OpContext& context) const {
  const TensorView& logits = context.input(0);
  const Shape& shape = logits.shape();
  cross_entropy_kernel(context.stream,
                       {.dtype = logits.dtype(),
                        .x = logits.data,
                        .labels = context.input(1).pointer<std::int64_t>(),
                        .weights = is_weighted(context.inputs.size()) ? context.input(2).data : nullptr,
                        .divisor = with_divisor() ? context.inputs.back().pointer<double>() : nullptr,
                        .loss = context.output(0).data,
                        .dx = with_gradient() ? context.output(1).data : nullptr,
                        .outer = shape[0],
                        .classes = shape[1],
                        .inner = shape.elements(2, shape.rank()),
                        .ignored_label = options_.ignored_label,
                        .smoothing = options_.smoothing,
                        .partial = reinterpret_cast<double*>(context.scratch)});
}

// d logits = d loss * (second output)
std::vector<Value> CrossEntropy::vjp(VjpContext& context) const {
  require(with_gradient(), name(), ": was built for evaluation, it has no gradient");
  require(!context.gradient(1), name(), ": its gradient is not differentiable again");
  std::vector<Value> gradients(static_cast<std::size_t>(context.inputs()));
  gradients[0] = context.add(Scale(), {context.output(1), context.gradient(0)});
  return gradients;
}

Cost CrossEntropy::cost(std::span<const ValueType> inputs, std::span<const ValueType> outputs) const {
  Cost cost = Op::cost(inputs, outputs);
  cost.flops = 20 * static_cast<double>(inputs[0].elements());  // mostly the polynomial of the exponential
  return cost;
}

std::vector<InPlace> CrossEntropy::in_place() const {
  if (!with_gradient()) return {};
  return {{.output = 1, .input = 0}};
}

std::string LabelWeight::attributes() const {
  return text("classes=", options_.classes, " ignored_label=", options_.ignored_label);
}

std::vector<ValueType> LabelWeight::infer(std::span<const ValueType> inputs) const {
  require(inputs.size() == 1 || inputs.size() == 2, name(), ": expects 1 or 2 inputs, got ", inputs.size());
  require(inputs[0].dtype == DType::int64, name(), ": expects labels of int64, got ", inputs[0]);
  require(inputs.size() == 1 || (is_floating(inputs[1].dtype) && inputs[1].shape == Shape{options_.classes}),
          name(), ": expects ", options_.classes, " class weights, got ", inputs.back());
  return {{DType::float64, {}}};
}

std::unique_ptr<OpState> LabelWeight::prepare(PrepareContext& context) const {
  context.scratch_bytes = static_cast<std::size_t>(CrossEntropyArgs::kParts) * sizeof(double);
  return nullptr;
}

void LabelWeight::run(OpContext& context) const {
  const bool weighted = context.inputs.size() == 2;
  label_weight_kernel(context.stream, {.dtype = weighted ? context.input(1).dtype() : DType::float32,
                                       .labels = context.input(0).pointer<std::int64_t>(),
                                       .weights = weighted ? context.input(1).data : nullptr,
                                       .sum = context.output().pointer<double>(),
                                       .positions = context.input(0).elements(),
                                       .classes = options_.classes,
                                       .ignored_label = options_.ignored_label,
                                       .partial = reinterpret_cast<double*>(context.scratch)});
}

}  // namespace slipway
