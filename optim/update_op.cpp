#include "optim/update_op.h"

#include <algorithm>
#include <array>

namespace slipway {
namespace {

constexpr std::size_t kMostStates = 3;  // of any optimizer

}  // namespace

UpdateOp::UpdateOp(int states, const std::vector<UpdateRange>& ranges, const std::vector<Segment>& segments)
    : states_(states) {
  std::int64_t end = 0;
  for (const Segment& segment : segments) {
    require(segment.begin >= end && segment.begin <= segment.end, "update: segment [", segment.begin, ", ",
            segment.end, ") is not in order");
    end = segment.end;
  }
  std::int64_t offset = 0;
  for (const UpdateRange& range : ranges) {
    Range& own = ranges_.emplace_back();
    own = {.begin = range.begin, .end = range.end, .offset = offset, .segments = {}};
    offset += range.end - range.begin;
    for (Segment segment : segments) {
      segment.begin = std::max(segment.begin, range.begin) - range.begin;
      segment.end = std::min(segment.end, range.end) - range.begin;
      if (segment.begin < segment.end) own.segments.push_back(segment);
    }
  }
}

std::vector<ValueType> UpdateOp::infer(std::span<const ValueType> inputs) const {
  const std::size_t flat = 2 + static_cast<std::size_t>(states_);
  require(inputs.size() == flat + 2 || inputs.size() == flat + 3, name(), ": expects ", flat + 2, " or ",
          flat + 3, " inputs, got ", inputs.size());
  const ValueType& parameters = inputs[0];
  require(is_floating(parameters.dtype) && parameters.shape.rank() == 1, name(),
          ": expects flat floating-point parameters, got ", parameters);
  std::int64_t end = 0, updated = 0;
  for (const Range& range : ranges_) {
    require(range.begin >= end && range.begin <= range.end && range.end <= parameters.elements(), name(),
            ": range [", range.begin, ", ", range.end, ") is not in order within ", parameters);
    end = range.end;
    updated += range.end - range.begin;
  }
  const ValueType own(parameters.dtype, Shape{updated});
  for (std::size_t i = 1; i < flat; ++i)
    require(inputs[i] == own, name(), ": ", updated, " of the parameters ", parameters,
            " need gradients and state ", own, ", got ", inputs[i]);
  require(inputs[flat] == ValueType(DType::float32, {}), name(), ": expects a learning rate float32[], got ",
          inputs[flat]);
  require(inputs[flat + 1] == ValueType(DType::int64, {}), name(), ": expects a step int64[], got ",
          inputs[flat + 1]);
  require(inputs.size() == flat + 2 || inputs[flat + 2] == ValueType(DType::float32, {}), name(),
          ": expects a gradient scale float32[], got ", inputs.back());
  std::vector<ValueType> outputs(1 + static_cast<std::size_t>(states_), own);
  outputs[0] = parameters;
  return outputs;
}

std::vector<InPlace> UpdateOp::in_place() const {
  std::vector<InPlace> rules = {{.output = 0, .input = 0, .rule = InPlace::Rule::required}};
  for (int k = 0; k < states_; ++k) {
    rules.push_back({.output = 1 + k, .input = 2 + k, .rule = InPlace::Rule::required});
  }
  return rules;
}

Cost UpdateOp::cost(std::span<const ValueType> inputs, std::span<const ValueType> outputs) const {
  Cost cost = Op::cost(inputs, outputs);
  cost.flops = (4 + 5 * states_) * static_cast<double>(inputs[1].elements());
  return cost;
}

void UpdateOp::run(OpContext& context) const {
  const int rate = 2 + states_;
  const bool scaled = static_cast<int>(context.inputs.size()) > rate + 2;
  const DType dtype = context.input(0).dtype();
  const auto at = [&](int input, std::int64_t element) {
    return context.input(input).data + static_cast<std::size_t>(element) * size_of(dtype);
  };
  for (const Range& range : ranges_) {
    std::array<void*, kMostStates> states{};
    for (int k = 0; k < states_; ++k) states[static_cast<std::size_t>(k)] = at(2 + k, range.offset);
    update(context.stream,
           {.dtype = dtype,
            .parameters = at(0, range.begin),
            .gradients = at(1, range.offset),
            .segments = range.segments,
            .learning_rate = context.input(rate).pointer<float>(),
            .step = context.input(rate + 1).pointer<std::int64_t>(),
            .gradient_scale = scaled ? context.input(rate + 2).pointer<float>() : nullptr},
           states);
  }
}

std::vector<UpdateRange> updated_ranges(const Graph& graph, const UpdateInputs& inputs) {
  if (!inputs.ranges.empty()) return inputs.ranges;
  return {{.begin = 0, .end = graph.type(inputs.parameters).elements()}};
}

void append_update(Graph& graph, OpPtr op, const UpdateInputs& inputs,
                   const std::vector<std::string>& states) {
  const ValueType type = graph.type(inputs.gradients);
  std::vector<Value> variables = {inputs.parameters};
  std::vector<Value> operands = {inputs.parameters, inputs.gradients};
  for (const std::string& state : states) {
    const Value variable = graph.variable({.name = Optimizer::kStatePrefix + state,
                                           .dtype = type.dtype,
                                           .shape = type.shape,
                                           .initialize = nullptr});
    variables.push_back(variable);
    operands.push_back(variable);
  }
  operands.push_back(inputs.learning_rate);
  operands.push_back(inputs.step);
  if (inputs.gradient_scale) operands.push_back(inputs.gradient_scale);
  const std::vector<Value> results = graph.add_all(std::move(op), std::move(operands), "optimizer");
  for (std::size_t i = 0; i < variables.size(); ++i) graph.update(variables[i], results[i]);
}

}  // namespace slipway
