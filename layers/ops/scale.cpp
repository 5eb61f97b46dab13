#include "layers/ops/scale.h"

#include "kernels/scale.h"
#include "layers/ops/binary.h"

namespace slipway {

std::vector<ValueType> Scale::infer(std::span<const ValueType> inputs) const {
  expect_inputs(*this, inputs, 2);
  require(is_floating(inputs[0].dtype) && inputs[1].dtype == inputs[0].dtype && inputs[1].elements() == 1,
          name(), ": expects floating-point values and one factor of their type, got ", inputs[0], " and ",
          inputs[1]);
  return {inputs[0]};
}

void Scale::run(OpContext& context) const {
  const TensorView& y = context.output();
  scale_kernel(context.stream, {.dtype = y.dtype(),
                                .x = context.input(0).data,
                                .scale = context.input(1).data,
                                .y = y.data,
                                .count = y.elements()});
}

std::vector<ElementwiseStep> Scale::steps() const { return Binary(BinaryFunction::multiply).steps(); }

}  // namespace slipway
