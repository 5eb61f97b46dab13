#include "layers/ops/metrics.h"

#include "kernels/metrics.h"
#include "layers/ops/element_loss.h"

namespace slipway {
namespace {

void expect_labelled_logits(const Op& op, std::span<const ValueType> inputs) {
  expect_inputs(op, inputs, 2);
  const ValueType& logits = inputs[0];
  require(is_floating(logits.dtype) && logits.shape.rank() >= 2 && logits.shape[1] > 0, op.name(),
          ": expects floating-point logits [batch, classes, ...], got ", logits);
  const ValueType labels(DType::int64, logits.shape.without(1));
  require(inputs[1].dtype == labels.dtype && inputs[1].shape == labels.shape, op.name(), ": logits ", logits,
          " need targets ", labels, ", got ", inputs[1]);
}

LabelledLogits labelled_logits(const OpContext& context, std::int64_t ignored_label) {
  const Shape& shape = context.input(0).shape();
  return {.dtype = context.input(0).dtype(),
          .logits = context.input(0).data,
          .labels = context.input(1).pointer<std::int64_t>(),
          .outer = shape[0],
          .classes = shape[1],
          .inner = shape.elements(2, shape.rank()),
          .ignored_label = ignored_label};
}

}  // namespace

std::vector<ValueType> TopKHits::infer(std::span<const ValueType> inputs) const {
  expect_labelled_logits(*this, inputs);
  return {{DType::int64, {2}}};
}

void TopKHits::run(OpContext& context) const {
  top_k_hits_kernel(context.stream, {.input = labelled_logits(context, ignored_label_),
                                     .k = k_,
                                     .counts = context.output().pointer<std::int64_t>()});
}

bool Confusion::is_binary(const ValueType& output, const ValueType& target) {
  return (target.dtype == output.dtype || target.dtype == DType::int64) &&
         without_trailing_ones(output.shape) == without_trailing_ones(target.shape);
}

std::vector<ValueType> Confusion::infer(std::span<const ValueType> inputs) const {
  expect_inputs(*this, inputs, 2);
  if (is_floating(inputs[0].dtype) && is_binary(inputs[0], inputs[1])) return {{DType::int64, {2, 2}}};
  expect_labelled_logits(*this, inputs);
  return {{DType::int64, {inputs[0].shape[1], inputs[0].shape[1]}}};
}

std::unique_ptr<OpState> Confusion::prepare(PrepareContext& context) const {
  context.scratch_bytes = static_cast<std::size_t>(context.inputs[1].elements()) * sizeof(std::int64_t);
  return nullptr;
}

void Confusion::run(OpContext& context) const {
  const TensorView &output = context.input(0), &target = context.input(1);
  std::int64_t* counts = context.output().pointer<std::int64_t>();
  if (is_binary(output.type, target.type)) {
    binary_confusion_kernel(context.stream, {.dtype = output.dtype(),
                                             .target_dtype = target.dtype(),
                                             .x = output.data,
                                             .target = target.data,
                                             .count = output.elements(),
                                             .ignored_label = ignored_label_,
                                             .counts = counts});
  } else {
    confusion_kernel(context.stream, {.input = labelled_logits(context, ignored_label_),
                                      .predicted = reinterpret_cast<std::int64_t*>(context.scratch),
                                      .counts = counts});
  }
}

std::vector<ValueType> ErrorSums::infer(std::span<const ValueType> inputs) const {
  expect_inputs(*this, inputs, 2);
  const ValueType &x = inputs[0], &target = inputs[1];
  require(is_floating(x.dtype) && x.shape.rank() >= 1, name(),
          ": expects a floating-point output [batch, ...], got ", x);
  require((target.dtype == x.dtype || target.dtype == DType::int64) &&
              without_trailing_ones(target.shape) == without_trailing_ones(x.shape),
          name(), ": output ", x, " needs a target of that type, got ", target);
  return {{DType::float64, {5, x.shape.elements(1, x.shape.rank())}}};
}

void ErrorSums::run(OpContext& context) const {
  const TensorView& x = context.input(0);
  error_sums_kernel(context.stream, {.dtype = x.dtype(),
                                     .target_dtype = context.input(1).dtype(),
                                     .x = x.data,
                                     .target = context.input(1).data,
                                     .rows = x.shape()[0],
                                     .columns = x.shape().elements(1, x.shape().rank()),
                                     .sums = context.output().pointer<double>()});
}

}  // namespace slipway
