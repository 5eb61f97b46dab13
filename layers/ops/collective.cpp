#include "layers/ops/collective.h"

#include "kernels/memory.h"

namespace slipway {

std::vector<ValueType> AllReduce::infer(std::span<const ValueType> inputs) const {
  expect_inputs(*this, inputs, 1);
  return {{inputs[0].dtype, inputs[0].shape}};
}

void AllReduce::run(OpContext& context) const {
  const TensorView &x = context.input(0), &y = context.output();
  if (x.data != y.data) copy_bytes(context.stream, {.from = x.data, .to = y.data, .bytes = x.type.bytes()});
  ranks_->all_reduce(context.stream, y, phase_);
}

std::vector<ValueType> AllGather::infer(std::span<const ValueType> inputs) const {
  expect_inputs(*this, inputs, 1);
  return {{inputs[0].dtype, inputs[0].shape.inserted(0, ranks_->size())}};
}

void AllGather::run(OpContext& context) const {
  ranks_->all_gather(context.stream, {.part = context.input(0), .all = context.output()}, phase_);
}

}  // namespace slipway
