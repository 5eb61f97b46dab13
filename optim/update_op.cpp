#include "optim/update_op.h"

namespace slipway {

std::vector<ValueType> UpdateOp::infer(std::span<const ValueType> inputs) const {
  const std::size_t flat = 2 + static_cast<std::size_t>(states_);
  require(inputs.size() == flat + 2 || inputs.size() == flat + 3, name(), ": expects ", flat + 2, " or ",
          flat + 3, " inputs, got ", inputs.size());
  const ValueType& parameters = inputs[0];
  require(is_floating(parameters.dtype) && parameters.shape.rank() == 1, name(),
          ": expects flat floating-point parameters, got ", parameters);
  for (std::size_t i = 1; i < flat; ++i) {
    require(inputs[i] == parameters, name(), ": parameters ", parameters,
            " need gradients and state of that type, got ", inputs[i]);
  }
  require(inputs[flat] == ValueType(DType::float32, {}), name(), ": expects a learning rate float32[], got ",
          inputs[flat]);
  require(inputs[flat + 1] == ValueType(DType::int64, {}), name(), ": expects a step int64[], got ",
          inputs[flat + 1]);
  require(inputs.size() == flat + 2 || inputs[flat + 2] == ValueType(DType::float32, {}), name(),
          ": expects a gradient scale float32[], got ", inputs.back());
  std::int64_t end = 0;
  for (const Segment& segment : segments_) {
    require(segment.begin >= end && segment.begin <= segment.end && segment.end <= parameters.elements(),
            name(), ": segment [", segment.begin, ", ", segment.end, ") is not in order within ", parameters);
    end = segment.end;
  }
  return std::vector<ValueType>(1 + static_cast<std::size_t>(states_), parameters);
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
  cost.flops = (4 + 5 * states_) * static_cast<double>(inputs[0].elements());
  return cost;
}

UpdateArgs UpdateOp::arguments(const OpContext& context) const {
  const int rate = 2 + states_;
  const bool scaled = static_cast<int>(context.inputs.size()) > rate + 2;
  return {.dtype = context.input(0).dtype(),
          .parameters = context.input(0).data,
          .gradients = context.input(1).data,
          .segments = segments_,
          .learning_rate = context.input(rate).pointer<float>(),
          .step = context.input(rate + 1).pointer<std::int64_t>(),
          .gradient_scale = scaled ? context.input(rate + 2).pointer<float>() : nullptr};
}

void append_update(Graph& graph, OpPtr op, const UpdateInputs& inputs,
                   const std::vector<std::string>& states) {
  const ValueType type = graph.type(inputs.parameters);
  std::vector<Value> variables = {inputs.parameters};
  std::vector<Value> operands = {inputs.parameters, inputs.gradients};
  for (const std::string& state : states) {
    const Value variable = graph.variable(
        {.name = "optimizer." + state, .dtype = type.dtype, .shape = type.shape, .initialize = nullptr});
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
