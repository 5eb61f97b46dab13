#include "layers/ops/matmul.h"

#include "core/graph/onnx_sink.h"
#include "kernels/matrix_product.h"

namespace slipway {
namespace {

using Kernel = PreparedKernel<MatrixProductArgs>;

/// The size of the last axis but `from_end`.
std::int64_t size(const ValueType& type, int from_end) {
  return type.shape[type.shape.rank() - 1 - from_end];
}

std::string transposed(OnnxSink& sink, int input) {
  Dims order;
  const int rank = sink.input_type(input).shape.rank();
  for (int axis = 0; axis < rank; ++axis) order.push_back(axis);
  std::swap(order[rank - 2], order[rank - 1]);
  return sink.node("Transpose", {sink.input(input)}, {{"perm", order}});
}

}  // namespace

std::string MatMul::attributes() const {
  std::string result = options_.transpose_a ? "transpose_a" : "";
  if (options_.transpose_b) result += result.empty() ? "transpose_b" : " transpose_b";
  return result;
}

std::vector<ValueType> MatMul::infer(std::span<const ValueType> inputs) const {
  expect_inputs(*this, inputs, 2);
  const ValueType &a = inputs[0], &b = inputs[1];
  require(is_floating(a.dtype), "matmul: expects a floating-point dtype, got ", a.dtype);
  require(b.dtype == a.dtype, "matmul: inputs must have one type, got ", a.dtype, " and ", b.dtype);
  const int rank = a.shape.rank();
  require(rank >= 2 && b.shape.rank() == rank, "matmul: expects two inputs of one rank of at least 2, got ",
          a, " and ", b);
  for (int axis = 0; axis < rank - 2; ++axis) {
    require(a.shape[axis] == b.shape[axis], "matmul: batch axes differ: ", a, " and ", b);
  }
  const std::int64_t inner = size(a, options_.transpose_a ? 1 : 0);
  require(inner == size(b, options_.transpose_b ? 0 : 1), "matmul: inner sizes differ: ", a, " and ", b,
          attributes().empty() ? "" : " with ", attributes());
  Shape y = a.shape;
  y[rank - 2] = size(a, options_.transpose_a ? 0 : 1);
  y[rank - 1] = size(b, options_.transpose_b ? 1 : 0);
  return {{a.dtype, y}};
}

std::unique_ptr<OpState> MatMul::prepare(PrepareContext& context) const {
  const ValueType &a = context.inputs[0], &y = context.outputs[0];
  auto kernel = matrix_product(context.stream, {.dtype = y.dtype,
                                                .batch = y.shape.elements(0, y.shape.rank() - 2),
                                                .rows = size(y, 1),
                                                .inner = size(a, options_.transpose_a ? 1 : 0),
                                                .columns = size(y, 0),
                                                .transpose_a = options_.transpose_a,
                                                .transpose_b = options_.transpose_b});
  context.scratch_bytes = kernel->scratch_bytes();
  return kernel;
}

void MatMul::run(OpContext& context) const {
  context.prepared<Kernel>().run(context.stream, {.a = context.input(0).data,
                                                  .b = context.input(1).data,
                                                  .y = context.output().data,
                                                  .scratch = context.scratch});
}

// y = a b:   da = dy bᵀ, db = aᵀ dy.  y = aᵀ b:  da = b dyᵀ, db = a dy.
// y = a bᵀ:  da = dy b, db = dyᵀ a.   y = aᵀ bᵀ: da = bᵀ dyᵀ, db = dyᵀ aᵀ.
std::vector<Value> MatMul::vjp(VjpContext& context) const {
  const Value a = context.input(0), b = context.input(1), dy = context.gradient();
  const auto [ta, tb] = options_;
  return {ta ? context.add(MatMul({.transpose_a = tb, .transpose_b = true}), {b, dy})
             : context.add(MatMul({.transpose_a = false, .transpose_b = !tb}), {dy, b}),
          tb ? context.add(MatMul({.transpose_a = true, .transpose_b = ta}), {dy, a})
             : context.add(MatMul({.transpose_a = !ta, .transpose_b = false}), {a, dy})};
}

Cost MatMul::cost(std::span<const ValueType> inputs, std::span<const ValueType> outputs) const {
  Cost cost = Op::cost(inputs, outputs);
  cost.flops = 2.0 * static_cast<double>(outputs[0].elements()) *
               static_cast<double>(size(inputs[0], options_.transpose_a ? 1 : 0));
  return cost;
}

void MatMul::to_onnx(OnnxSink& sink) const {
  const std::string a = options_.transpose_a ? transposed(sink, 0) : sink.input(0);
  const std::string b = options_.transpose_b ? transposed(sink, 1) : sink.input(1);
  sink.emit("MatMul", {a, b}, {sink.output(0)});
}

}  // namespace slipway
