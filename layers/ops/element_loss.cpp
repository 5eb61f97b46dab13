#include "layers/ops/element_loss.h"

#include "layers/ops/scale.h"

namespace slipway {

Shape without_trailing_ones(const Shape& shape) {
  Shape rest = shape;
  while (rest.rank() > 1 && rest.back() == 1) rest = rest.without(rest.rank() - 1);
  return rest;
}

std::string ElementLoss::attributes() const {
  std::string out = options_.parameter == 0 ? "" : text("parameter=", options_.parameter);
  return with_gradient() ? out : out + (out.empty() ? "" : " ") + "loss_only";
}

std::vector<ValueType> ElementLoss::infer(std::span<const ValueType> inputs) const {
  require(inputs.size() == 2 || inputs.size() == 3, name(), ": expects 2 or 3 inputs, got ", inputs.size());
  const ValueType &x = inputs[0], &target = inputs[1];
  require(is_floating(x.dtype), name(), ": expects a floating-point output of the model, got ", x);
  require((target.dtype == x.dtype || target.dtype == DType::int64) &&
              without_trailing_ones(target.shape) == without_trailing_ones(x.shape),
          name(), ": output ", x, " needs a target of that type, got ", target);
  if (inputs.size() == 3) {
    const Shape& weights = inputs[2].shape;
    const bool fits = weights == Shape{1} || (x.shape.rank() >= 2 && weights == Shape{x.shape[1]});
    require(inputs[2].dtype == x.dtype && fits, name(), ": output ", x,
            " needs one weight or one for each of axis 1, got ", inputs[2]);
  }
  const ValueType loss(x.dtype, {});
  if (!with_gradient()) return {loss};
  return {loss, {x.dtype, x.shape}};
}

std::unique_ptr<OpState> ElementLoss::prepare(PrepareContext& context) const {
  context.scratch_bytes = static_cast<std::size_t>(ElementLossArgs::kParts) * sizeof(double);
  return nullptr;
}

void ElementLoss::run(OpContext& context) const {
  const TensorView& x = context.input(0);
  const bool weighted = context.inputs.size() == 3;
  const std::int64_t channels = weighted ? context.input(2).elements() : 1;
  (*kernel_)(context.stream, {.dtype = x.dtype(),
                              .target_dtype = context.input(1).dtype(),
                              .x = x.data,
                              .target = context.input(1).data,
                              .weights = weighted ? context.input(2).data : nullptr,
                              .channels = channels,
                              .inner = channels == 1 ? std::max<std::int64_t>(1, x.elements())
                                                     : x.shape().elements(2, x.shape().rank()),
                              .loss = context.output(0).data,
                              .dx = with_gradient() ? context.output(1).data : nullptr,
                              .count = x.elements(),
                              .divisor = options_.divisor.value_or(x.elements()),
                              .parameter = options_.parameter,
                              .partial = reinterpret_cast<double*>(context.scratch)});
}

// dx = d loss * (second output)
std::vector<Value> ElementLoss::vjp(VjpContext& context) const {
  require(with_gradient(), name(), ": was built for evaluation, it has no gradient");
  require(!context.gradient(1), name(), ": its gradient is not differentiable again");
  std::vector<Value> gradients(static_cast<std::size_t>(context.inputs()));
  gradients[0] = context.add(Scale(), {context.output(1), context.gradient(0)});
  return gradients;
}

Cost ElementLoss::cost(std::span<const ValueType> inputs, std::span<const ValueType> outputs) const {
  Cost cost = Op::cost(inputs, outputs);
  cost.flops = 5 * static_cast<double>(inputs[0].elements());
  return cost;
}

std::vector<InPlace> ElementLoss::in_place() const {
  if (!with_gradient()) return {};
  return {{.output = 1, .input = 0}};
}

}  // namespace slipway
