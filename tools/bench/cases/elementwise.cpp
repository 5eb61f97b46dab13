#include <cstdint>
#include <vector>

#include "kernels/binary.h"
#include "kernels/cast.h"
#include "kernels/dropout.h"
#include "kernels/elementwise.h"
#include "kernels/flat.h"
#include "kernels/memory.h"
#include "kernels/relu.h"
#include "kernels/scale.h"
#include "kernels/unary.h"
#include "tools/bench/kernel_case.h"

namespace slipway {
namespace {

std::int64_t elements(const CaseArrays& arrays) { return arrays.size(1 << 18, 1 << 26); }

auto run_relu(CaseArrays& arrays, DType dtype) {
  const std::int64_t count = elements(arrays);
  return [&arrays, args = ReluArgs{.dtype = dtype,
                                   .x = arrays.in(dtype, count),
                                   .y = arrays.out(dtype, count),
                                   .count = count,
                                   .slope = 0}] { relu_forward(arrays.stream(), args); };
}

auto run_relu_gradient(CaseArrays& arrays, DType dtype) {
  const std::int64_t count = elements(arrays);
  return [&arrays, args = ReluGradientArgs{.dtype = dtype,
                                           .dy = arrays.in(dtype, count),
                                           .dy_too = arrays.in(dtype, count),
                                           .y = arrays.in(dtype, count),
                                           .dx = arrays.out(dtype, count),
                                           .count = count,
                                           .slope = 0}] { relu_backward(arrays.stream(), args); };
}

auto run_gelu(CaseArrays& arrays, DType dtype) {
  const std::int64_t count = elements(arrays);
  return [&arrays, args = UnaryArgs{.function = UnaryFunction::gelu,
                                    .dtype = dtype,
                                    .x = arrays.in(dtype, count),
                                    .y = arrays.out(dtype, count),
                                    .count = count}] { unary_forward(arrays.stream(), args); };
}

auto run_gelu_gradient(CaseArrays& arrays, DType dtype) {
  const std::int64_t count = elements(arrays);
  return [&arrays, args = UnaryGradientArgs{.function = UnaryFunction::gelu,
                                            .dtype = dtype,
                                            .dy = arrays.in(dtype, count),
                                            .v = arrays.in(dtype, count),
                                            .dx = arrays.out(dtype, count),
                                            .count = count}] { unary_backward(arrays.stream(), args); };
}

auto run_add(CaseArrays& arrays, DType dtype) {
  const std::int64_t count = elements(arrays);
  return [&arrays, args = BinaryArgs{.function = BinaryFunction::add,
                                     .dtype = dtype,
                                     .a = arrays.in(dtype, count),
                                     .b = arrays.in(dtype, count),
                                     .y = arrays.out(dtype, count),
                                     .shape = Shape{count},
                                     .a_strides = Dims{1},
                                     .b_strides = Dims{1}}] { binary(arrays.stream(), args); };
}

/// A bias, one value a column.
auto run_add_rows(CaseArrays& arrays, DType dtype) {
  constexpr std::int64_t kWidth = 1024;
  const std::int64_t rows = elements(arrays) / kWidth;
  return [&arrays, args = BinaryArgs{.function = BinaryFunction::add,
                                     .dtype = dtype,
                                     .a = arrays.in(dtype, rows * kWidth),
                                     .b = arrays.in(dtype, kWidth),
                                     .y = arrays.out(dtype, rows * kWidth),
                                     .shape = Shape{rows, kWidth},
                                     .a_strides = Dims{kWidth, 1},
                                     .b_strides = Dims{0, 1}}] { binary(arrays.stream(), args); };
}

/// A gate, as layers leave it to be fused: silu(a + bias) b, the bias one value a column.
auto run_chain(CaseArrays& arrays, DType dtype) {
  using Kind = ElementwiseStep::Kind;
  using Source = ElementwiseOperand::Source;
  constexpr std::int64_t kWidth = 1024;
  const std::int64_t rows = elements(arrays) / kWidth;
  const ElementwiseOperand a{.source = Source::input, .index = 0}, bias{.source = Source::input, .index = 1},
      b{.source = Source::input, .index = 2};
  const auto step = [](std::uint8_t index) {
    return ElementwiseOperand{.source = Source::step, .index = index};
  };
  const auto function = [](auto one) { return static_cast<std::uint8_t>(one); };
  const std::vector<ElementwiseStep> steps{
      {.kind = Kind::binary, .function = function(BinaryFunction::add), .a = a, .b = bias},
      {.kind = Kind::unary, .function = function(UnaryFunction::silu), .a = step(0)},
      {.kind = Kind::binary, .function = function(BinaryFunction::multiply), .a = step(1), .b = b}};
  ElementwiseArgs args{
      .input_count = 3, .dtype = dtype, .y = arrays.out(dtype, rows * kWidth), .shape = Shape{rows, kWidth}};
  args.inputs[0] = {arrays.in(dtype, rows * kWidth), dtype, Dims{kWidth, 1}};
  args.inputs[1] = {arrays.in(dtype, kWidth), dtype, Dims{0, 1}};
  args.inputs[2] = {arrays.in(dtype, rows * kWidth), dtype, Dims{kWidth, 1}};
  return [&arrays, args, steps]() mutable {
    args.steps = steps;
    elementwise_kernel(arrays.stream(), args);
  };
}

auto run_scale(CaseArrays& arrays, DType dtype) {
  const std::int64_t count = elements(arrays);
  return [&arrays, args = ScaleArgs{.dtype = dtype,
                                    .x = arrays.in(dtype, count),
                                    .scale = arrays.in(dtype, 1),
                                    .y = arrays.out(dtype, count),
                                    .count = count}] { scale_kernel(arrays.stream(), args); };
}

auto run_dropout(CaseArrays& arrays, DType dtype) {
  const std::int64_t count = elements(arrays);
  return [&arrays, args = DropoutArgs{.dtype = dtype,
                                      .x = arrays.in(dtype, count),
                                      .y = arrays.out(dtype, count),
                                      .count = count,
                                      .probability = 0.1,
                                      .key = 7,
                                      .step = arrays.number<std::int64_t>(3)}] {
    dropout_kernel(arrays.stream(), args);
  };
}

auto run_accumulate(CaseArrays& arrays, DType dtype) {
  const std::int64_t count = elements(arrays);
  return [&arrays, args = AccumulateArgs{.dtype = dtype,
                                         .sum = arrays.in_out(dtype, count),
                                         .x = arrays.in(dtype, count),
                                         .count = count}] { accumulate_kernel(arrays.stream(), args); };
}

auto run_moving_average(CaseArrays& arrays, DType dtype) {
  const std::int64_t count = elements(arrays);
  return
      [&arrays, args = MovingAverageArgs{.dtype = dtype,
                                         .average = arrays.in_out(dtype, count),
                                         .x = arrays.in(dtype, count),
                                         .step = arrays.number<std::int64_t>(3),
                                         .gradient_scale = arrays.number(1.0f),
                                         .count = count,
                                         .decay = 0.999}] { moving_average_kernel(arrays.stream(), args); };
}

auto run_fill(CaseArrays& arrays, DType dtype) {
  const std::int64_t count = elements(arrays);
  return
      [&arrays, args = FillArgs{.dtype = dtype, .y = arrays.out(dtype, count), .count = count, .value = 1}] {
        fill(arrays.stream(), args);
      };
}

KernelCase copy_case() {
  return {"copy_bytes", "", [](CaseArrays& arrays) {
            const std::int64_t count = elements(arrays) * 4;
            return [&arrays, args = CopyArgs{.from = arrays.in(DType::uint8, count),
                                             .to = arrays.out(DType::uint8, count),
                                             .bytes = static_cast<std::size_t>(count)}] {
              copy_bytes(arrays.stream(), args);
            };
          }};
}

KernelCase cast_case(DType from, DType to) {
  return {"cast", text(from, " to ", to), [=](CaseArrays& arrays) {
            const std::int64_t count = elements(arrays);
            return [&arrays, args = CastArgs{.from = from,
                                             .to = to,
                                             .x = arrays.in(from, count),
                                             .y = arrays.out(to, count),
                                             .count = count}] { cast(arrays.stream(), args); };
          }};
}

/// All weights of a model at once.
KernelCase cast_all_case() {
  return {"cast_all", "float32 to bfloat16, 16 arrays", [](CaseArrays& arrays) {
            constexpr int kParts = 16;
            const std::int64_t count = elements(arrays) / kParts;
            std::vector<CastAllArgs::Part> parts;
            for (int i = 0; i < kParts; ++i) {
              parts.push_back({.x = arrays.in(DType::float32, count),
                               .y = arrays.out(DType::bfloat16, count),
                               .count = count});
            }
            return [&arrays, parts] {
              cast_all(arrays.stream(), {.from = DType::float32, .to = DType::bfloat16, .parts = parts});
            };
          }};
}

const KernelCases registered({in_both_types("relu_forward", "", run_relu),
                              in_both_types("relu_backward", "two gradients", run_relu_gradient),
                              in_both_types("unary_forward", "gelu", run_gelu),
                              in_both_types("unary_backward", "gelu", run_gelu_gradient),
                              in_both_types("binary", "add", run_add),
                              in_both_types("binary", "add to rows of 1024", run_add_rows),
                              in_both_types("elementwise", "silu(a + bias) b", run_chain),
                              in_both_types("scale", "", run_scale),
                              in_both_types("dropout", "", run_dropout),
                              in_both_types("accumulate", "", run_accumulate),
                              in_both_types("moving_average", "", run_moving_average),
                              in_both_types("fill", "", run_fill),
                              {copy_case(), cast_case(DType::float32, DType::bfloat16),
                               cast_case(DType::bfloat16, DType::float32), cast_all_case()}});

}  // namespace
}  // namespace slipway
