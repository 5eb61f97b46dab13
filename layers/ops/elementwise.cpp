#include "layers/ops/elementwise.h"

#include <algorithm>
#include <optional>

#include "kernels/memory.h"
#include "layers/ops/binary.h"
#include "layers/ops/broadcast_to.h"
#include "layers/ops/fill.h"
#include "layers/ops/unary.h"

namespace slipway {
namespace {

using Kind = ElementwiseStep::Kind;
using Source = ElementwiseOperand::Source;

std::string function_name(const ElementwiseStep& step) {
  switch (step.kind) {
    case Kind::unary:
      return std::string(Unary(UnaryFunction{step.function}).name());
    case Kind::unary_gradient:
      return text(Unary(UnaryFunction{step.function}).name(), "_gradient");
    case Kind::binary:
      return std::string(Binary(BinaryFunction{step.function}).name());
    case Kind::relu:
      return "relu";
    case Kind::relu_gradient:
      return "relu_gradient";
    case Kind::round:
      return text("cast(", static_cast<DType>(step.function), ")");
  }
  return {};
}

bool reads(const ElementwiseStep& step, std::size_t index) {
  const auto is = [&](const ElementwiseOperand& operand) {
    return operand.source == Source::step && operand.index == index;
  };
  return is(step.a) || is(step.b);
}

/// Chooses where the value of each step waits; false if more are waiting at once than there are places.
bool assign_slots(std::vector<ElementwiseStep>& steps) {
  std::array<std::size_t, ElementwiseArgs::kMostSlots> free_from{};  // the first step that may write there
  for (std::size_t s = 0; s + 1 < steps.size(); ++s) {
    std::size_t last = s;
    for (std::size_t reader = s + 1; reader < steps.size(); ++reader) {
      if (reads(steps[reader], s)) last = reader;
    }
    steps[s].slot = 0;
    if (last == s + 1) continue;
    const auto place =
        std::find_if(free_from.begin() + 1, free_from.end(), [&](std::size_t from) { return from <= s; });
    if (place == free_from.end()) return false;
    *place = last;  // an operand's place may take the result
    steps[s].slot = static_cast<std::uint8_t>(place - free_from.begin());
  }
  return true;
}

/// Programs of ops joined to one.
class ChainBuilder {
 public:
  /// Whether the member could be taken.
  bool add(const ChainMember& member) {
    if (const auto* fill = dynamic_cast<const Fill*>(member.op)) {
      results_.push_back({.source = Source::number, .number = fill->value()});
      return fill->shape().elements() == 1;
    }
    const auto* op = dynamic_cast<const ElementwiseOp*>(member.op);
    if (!op) return false;
    const std::size_t first = steps_.size();
    const auto mapped = [&](const ElementwiseOperand& operand) {
      if (operand.source == Source::step) return operand_step(static_cast<int>(first) + operand.index);
      return operand.source == Source::input ? value(member.inputs[operand.index]) : operand;
    };
    for (ElementwiseStep step : op->steps()) {
      step.a = mapped(step.a);
      step.b = mapped(step.b);
      const bool is_binary = step.kind == Kind::binary;
      const bool has_number = step.a.source == Source::number || step.b.source == Source::number;
      if (has_number && (!is_binary || (step.a.source == step.b.source))) return false;
      steps_.push_back(step);
    }
    if (steps_.size() == first || steps_.size() > ElementwiseArgs::kMostSteps) return false;
    results_.push_back(operand_step(static_cast<int>(steps_.size()) - 1));
    return inputs_ <= ElementwiseArgs::kMostInputs;
  }

  OpPtr finish() && {
    std::vector<ElementwiseStep> steps = steps_;
    if (steps.empty() || inputs_ == 0 || !assign_slots(steps)) return nullptr;
    return std::make_shared<Elementwise>(std::move(steps_), inputs_);
  }

 private:
  ElementwiseOperand value(int input) {
    if (input >= 0) return results_[static_cast<std::size_t>(input)];
    inputs_ = std::max(inputs_, -input);
    return operand_input(-1 - input);
  }

  std::vector<ElementwiseStep> steps_;
  std::vector<ElementwiseOperand> results_;  // of each member
  int inputs_ = 0;
};

}  // namespace

Elementwise::Elementwise(std::vector<ElementwiseStep> steps, int inputs)
    : steps_(std::move(steps)), inputs_(inputs) {
  require(!steps_.empty() && steps_.size() <= ElementwiseArgs::kMostSteps && inputs_ >= 1 &&
              inputs_ <= ElementwiseArgs::kMostInputs && assign_slots(steps_),
          name(), ": ", steps_.size(), " steps of ", inputs_, " inputs are more than the kernel takes");
}

std::string Elementwise::attributes() const {
  std::string names;
  for (const ElementwiseStep& step : steps_) names += (names.empty() ? "" : " ") + function_name(step);
  return names;
}

std::vector<ValueType> Elementwise::infer(std::span<const ValueType> inputs) const {
  expect_inputs(*this, inputs, static_cast<std::size_t>(inputs_));
  Shape shape;
  for (const ValueType& type : inputs) {
    require(is_floating(type.dtype), name(), ": expects floating-point inputs, got ", type);
    shape = broadcast(shape, type.shape);
  }
  std::vector<DType> dtypes;  // of each step
  const auto dtype_of = [&](const ElementwiseOperand& operand) -> std::optional<DType> {
    if (operand.source == Source::input) return inputs[operand.index].dtype;
    if (operand.source == Source::step) return dtypes[operand.index];
    return std::nullopt;
  };
  for (const ElementwiseStep& step : steps_) {
    const auto a = dtype_of(step.a), b = dtype_of(step.b);
    require(!a || !b || *a == *b, name(), ": operands of ", function_name(step), " differ in dtype");
    dtypes.push_back(step.kind == Kind::round ? static_cast<DType>(step.function) : (a ? *a : *b));
    require(is_floating(dtypes.back()), name(), ": computes no ", dtypes.back());
  }
  const bool wide = dtypes.back() == DType::float64;
  const auto fits = [&](DType dtype) { return (dtype == DType::float64) == wide; };
  require(
      std::all_of(dtypes.begin(), dtypes.end(), fits) &&
          std::all_of(inputs.begin(), inputs.end(), [&](const ValueType& type) { return fits(type.dtype); }),
      name(), ": float64 can't be computed with beside other types");
  return {{dtypes.back(), shape}};
}

void Elementwise::run(OpContext& context) const {
  const TensorView& y = context.output();
  ElementwiseArgs args{.steps = steps_, .input_count = inputs_, .dtype = y.dtype(), .y = y.data};
  const bool row_major = y.type.is_row_major();  // else one layout, or a scalar: memory order will do
  args.shape = row_major ? y.shape() : Shape{y.type.layout.extent(y.shape())};
  for (int i = 0; i < inputs_; ++i) {
    const TensorView& x = context.input(i);
    ElementwiseArgs::Input& input = args.inputs[static_cast<std::size_t>(i)];
    input.data = x.data;
    input.dtype = x.dtype();
    input.strides =
        row_major ? broadcast_strides(x.shape(), y.shape()) : Dims{x.shape() == y.shape() ? 1 : 0};
  }
  elementwise_kernel(context.stream, args);
  zero_padding(context.stream, {.y = y});
}

std::vector<Value> Elementwise::vjp(VjpContext&) const {
  throw Error(text(name(), ": gradients are taken before fusion"));
}

Cost Elementwise::cost(std::span<const ValueType> inputs, std::span<const ValueType> outputs) const {
  Cost cost = Op::cost(inputs, outputs);
  cost.flops = static_cast<double>(steps_.size()) * static_cast<double>(outputs[0].elements());
  return cost;
}

std::vector<InPlace> Elementwise::in_place() const {
  // A cast may make an element of the output as long as one of an input that is broadcast.
  if (std::any_of(steps_.begin(), steps_.end(),
                  [](const ElementwiseStep& step) { return step.kind == Kind::round; }))
    return {};
  std::vector<InPlace> rules;
  for (int i = 0; i < inputs_; ++i) rules.push_back({.output = 0, .input = i});
  return rules;
}

OpPtr chain(std::span<const ChainMember> members) {
  ChainBuilder builder;
  for (const ChainMember& member : members) {
    if (!builder.add(member)) return nullptr;
  }
  return std::move(builder).finish();
}

}  // namespace slipway
