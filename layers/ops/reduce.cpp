#include "layers/ops/reduce.h"

#include <array>

#include "core/graph/onnx_sink.h"
#include "kernels/reduce.h"
#include "layers/ops/binary.h"
#include "layers/ops/broadcast_to.h"
#include "layers/ops/fill.h"
#include "layers/ops/reshape.h"
#include "layers/ops/unary.h"

namespace slipway {
namespace {

constexpr std::array<const char*, 4> kNames = {"reduce_sum", "reduce_mean", "reduce_max",
                                               "reduce_log_sum_exp"};

ReduceKernel kernel_of(ReduceFunction function) {
  if (function == ReduceFunction::max) return ReduceKernel::maximum;
  return function == ReduceFunction::log_sum_exp ? ReduceKernel::log_sum_exp : ReduceKernel::sum;
}

/// Which axes of a value of that rank are reduced.
std::array<bool, kMaxRank> mask_of(const Dims& axes, int rank, const char* actor) {
  std::array<bool, kMaxRank> mask{};
  for (const std::int64_t axis : axes) {
    bool& reduced = mask[static_cast<std::size_t>(normalize_axis(axis, rank, actor))];
    require(!reduced, actor, ": axis ", axis, " is named twice in ", axes);
    reduced = true;
  }
  return mask;
}

/// The kernel reduces one axis between two others, a chunk at a time; any reduction is a few such passes,
/// innermost axes first. What lies between two passes is in scratch, in two places by turns.
class ReduceState : public OpState {
 public:
  struct Pass {
    std::int64_t outer, count, inner, chunk;
    std::int64_t results() const {
      return outer * std::max<std::int64_t>(1, (count + chunk - 1) / chunk) * inner;
    }
  };
  std::vector<Pass> passes;
  std::int64_t scratch_elements = 0;  // of one of the two places
  std::int64_t reduced = 1;           // elements that become one
};

std::unique_ptr<ReduceState> plan(const Shape& shape, const Dims& axes, const char* actor) {
  constexpr std::int64_t kRun = 16384, kRows = 256;  // chunks of contiguous elements, of rows
  const auto mask = mask_of(axes, shape.rank(), actor);
  auto state = std::make_unique<ReduceState>();
  std::int64_t inner = 1;
  for (int axis = shape.rank() - 1; axis >= 0;) {
    if (!mask[static_cast<std::size_t>(axis)]) {
      inner *= shape[axis--];
      continue;
    }
    const int end = axis + 1;
    while (axis >= 0 && mask[static_cast<std::size_t>(axis)]) --axis;
    const std::int64_t outer = shape.elements(0, axis + 1);
    std::int64_t count = shape.elements(axis + 1, end);
    state->reduced *= count;
    const std::int64_t chunk = inner == 1 ? kRun : kRows;
    for (; count > chunk; count = (count + chunk - 1) / chunk)
      state->passes.push_back({outer, count, inner, chunk});
    state->passes.push_back({outer, count, inner, chunk});
  }
  if (state->passes.empty()) state->passes.push_back({1, 1, shape.elements(), 1});
  for (std::size_t i = 0; i + 1 < state->passes.size(); ++i) {
    state->scratch_elements = std::max(state->scratch_elements, (state->passes[i].results() + 15) / 16 * 16);
  }
  return state;
}

}  // namespace

Reduce Reduce::all(ReduceFunction function, int rank) {
  Dims axes;
  for (int i = 0; i < rank; ++i) axes.push_back(i);
  return Reduce(function, axes);
}

std::string_view Reduce::name() const { return kNames[static_cast<std::size_t>(function_)]; }

std::string Reduce::attributes() const { return text("axes=", axes_, reduced_ == Axes::kept ? " kept" : ""); }

std::vector<ValueType> Reduce::infer(std::span<const ValueType> inputs) const {
  expect_inputs(*this, inputs, 1);
  require(is_floating(inputs[0].dtype), name(), ": expects a floating-point input, got ", inputs[0]);
  const Shape& shape = inputs[0].shape;
  const auto mask = mask_of(axes_, shape.rank(), name().data());
  Shape result;
  for (int i = 0; i < shape.rank(); ++i) {
    const bool reduced = mask[static_cast<std::size_t>(i)];
    require(!reduced || shape[i] > 0 || function_ != ReduceFunction::max, name(), ": nothing along axis ", i,
            " of ", inputs[0]);
    if (!reduced || reduced_ == Axes::kept) result.push_back(reduced ? 1 : shape[i]);
  }
  return {{inputs[0].dtype, result}};
}

std::unique_ptr<OpState> Reduce::prepare(PrepareContext& context) const {
  auto state = plan(context.inputs[0].shape, axes_, name().data());
  context.scratch_bytes = 2 * static_cast<std::size_t>(state->scratch_elements) *
                          size_of(accumulator_of(context.inputs[0].dtype));
  return state;
}

void Reduce::run(OpContext& context) const {
  const TensorView &x = context.input(0), &y = context.output();
  const ReduceState& state = context.prepared<ReduceState>();
  const DType between = accumulator_of(x.dtype());  // of what lies between two passes
  const std::size_t place_bytes = static_cast<std::size_t>(state.scratch_elements) * size_of(between);
  const void* from = x.data;
  for (std::size_t i = 0; i < state.passes.size(); ++i) {
    const ReduceState::Pass& pass = state.passes[i];
    const bool last = i + 1 == state.passes.size();
    void* to = last ? y.data : context.scratch + (i % 2) * place_bytes;
    reduce(context.stream,
           {.function = kernel_of(function_),
            .x_dtype = i == 0 ? x.dtype() : between,
            .y_dtype = last ? y.dtype() : between,
            .x = from,
            .y = to,
            .outer = pass.outer,
            .count = pass.count,
            .inner = pass.inner,
            .chunk = pass.chunk,
            .divisor = last && function_ == ReduceFunction::mean ? static_cast<double>(state.reduced) : 1.0});
    from = to;
  }
}

std::vector<Value> Reduce::vjp(VjpContext& context) const {
  const Value x = context.input(0);
  const ValueType type = context.type(x);
  Shape kept = type.shape;
  const auto mask = mask_of(axes_, kept.rank(), name().data());
  std::int64_t reduced = 1;
  for (int i = 0; i < kept.rank(); ++i) {
    if (!mask[static_cast<std::size_t>(i)]) continue;
    reduced *= kept[i];
    kept[i] = 1;
  }
  const auto keep = [&](Value value) {
    return context.type(value).shape == kept ? value : context.add(Reshape(kept), {value});
  };
  const auto apply = [&](BinaryFunction function, Value a, Value b) {
    return context.add(Binary(function), {a, b});
  };
  Value dy = keep(context.gradient());
  switch (function_) {
    case ReduceFunction::sum:
      break;
    case ReduceFunction::mean:
      dy = apply(BinaryFunction::multiply, dy,
                 context.add(Fill(type.dtype, {}, 1.0 / static_cast<double>(reduced)), {}));
      break;
    case ReduceFunction::log_sum_exp:  // dx = dy e^(x - y)
      return {apply(BinaryFunction::multiply,
                    context.add(Unary(UnaryFunction::exp),
                                {apply(BinaryFunction::subtract, x, keep(context.output()))}),
                    dy)};
    case ReduceFunction::max: {  // equal maxima share the gradient
      const Value hit = apply(BinaryFunction::equal, x, keep(context.output()));
      const Value hits = context.add(Reduce(ReduceFunction::sum, axes_, Axes::kept), {hit});
      return {apply(BinaryFunction::multiply, hit, apply(BinaryFunction::divide, dy, hits))};
    }
  }
  return {kept == type.shape ? dy : context.add(BroadcastTo(type.shape), {dy})};
}

Cost Reduce::cost(std::span<const ValueType> inputs, std::span<const ValueType> outputs) const {
  Cost cost = Op::cost(inputs, outputs);
  cost.flops = static_cast<double>(inputs[0].elements());
  return cost;
}

void Reduce::to_onnx(OnnxSink& sink) const {
  if (axes_.empty()) return sink.emit("Identity", {sink.input(0)}, {sink.output(0)});
  const int keepdims = reduced_ == Axes::kept ? 1 : 0;
  if (function_ == ReduceFunction::sum) {  // takes its axes as an input
    const std::vector<std::int64_t> axes(axes_.begin(), axes_.end());
    sink.emit(
        "ReduceSum",
        {sink.input(0), sink.constant(Tensor::of({static_cast<std::int64_t>(axes.size())}, axes), "axes")},
        {sink.output(0)}, {{"keepdims", keepdims}});
  } else {
    constexpr std::array<const char*, 4> kOnnx = {"", "ReduceMean", "ReduceMax", "ReduceLogSumExp"};
    sink.emit(kOnnx[static_cast<std::size_t>(function_)], {sink.input(0)}, {sink.output(0)},
              {{"axes", axes_}, {"keepdims", keepdims}});
  }
}

std::vector<ValueType> ArgMax::infer(std::span<const ValueType> inputs) const {
  expect_inputs(*this, inputs, 1);
  const int axis = normalize_axis(axis_, inputs[0].shape.rank(), "arg_max");
  require(is_floating(inputs[0].dtype) && inputs[0].shape[axis] > 0, name(),
          ": expects floating-point values along axis ", axis, ", got ", inputs[0]);
  return {{DType::int64, inputs[0].shape.without(axis)}};
}

void ArgMax::run(OpContext& context) const {
  const TensorView& x = context.input(0);
  const int rank = x.shape().rank(), axis = normalize_axis(axis_, rank, "arg_max");
  arg_max(context.stream, {.dtype = x.dtype(),
                           .x = x.data,
                           .y = context.output().pointer<std::int64_t>(),
                           .outer = x.shape().elements(0, axis),
                           .count = x.shape()[axis],
                           .inner = x.shape().elements(axis + 1, rank)});
}

void ArgMax::to_onnx(OnnxSink& sink) const {
  const int axis = normalize_axis(axis_, sink.input_type(0).shape.rank(), "arg_max");
  sink.emit("ArgMax", {sink.input(0)}, {sink.output(0)}, {{"axis", axis}, {"keepdims", 0}});
}

}  // namespace slipway
