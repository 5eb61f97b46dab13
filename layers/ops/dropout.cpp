#include "layers/ops/dropout.h"

#include "kernels/dropout.h"

namespace slipway {

std::vector<ValueType> Dropout::infer(std::span<const ValueType> inputs) const {
  expect_inputs(*this, inputs, 2);
  require(is_floating(inputs[0].dtype), name(), ": expects a floating-point input, got ", inputs[0]);
  require(inputs[1] == ValueType(DType::int64, {}), name(), ": expects a step int64[], got ", inputs[1]);
  require(probability_ >= 0 && probability_ < 1, name(), ": expects a probability in [0, 1), got ",
          probability_);
  return {inputs[0]};
}

void Dropout::run(OpContext& context) const {
  const TensorView& y = context.output();
  dropout_kernel(context.stream, {.dtype = y.dtype(),
                                  .x = context.input(0).data,
                                  .y = y.data,
                                  .first = first_,
                                  .count = y.elements(),
                                  .probability = probability_,
                                  .key = key_,
                                  .step = context.input(1).pointer<std::int64_t>()});
}

// y = mask x / (1 - p);  dx = mask dy / (1 - p)
std::vector<Value> Dropout::vjp(VjpContext& context) const {
  return {context.add(Dropout(*this), {context.gradient(), context.input(1)}), {}};
}

}  // namespace slipway
