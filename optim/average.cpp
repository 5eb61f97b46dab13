#include "optim/average.h"

#include "kernels/flat.h"

namespace slipway {
namespace {

/// (average [N], parameters [N], step, gradient scale if there is one) -> average, in place
class MovingAverage : public Op {
 public:
  explicit MovingAverage(double decay) : decay_(decay) {}
  std::string_view name() const override { return "moving_average"; }
  std::string attributes() const override { return text("decay=", decay_); }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    expect_inputs(*this, inputs, inputs.size() == 4 ? 4 : 3);
    require(is_floating(inputs[0].dtype) && inputs[0] == inputs[1], name(),
            ": expects an average of the parameters' type, got ", inputs[0], " and ", inputs[1]);
    require(inputs[2] == ValueType(DType::int64, {}), name(), ": expects a step int64[], got ", inputs[2]);
    require(inputs.size() == 3 || inputs[3] == ValueType(DType::float32, {}), name(),
            ": expects a gradient scale float32[], got ", inputs.back());
    return {inputs[0]};
  }
  void run(OpContext& context) const override {
    const TensorView& average = context.output();
    moving_average_kernel(
        context.stream,
        {.dtype = average.dtype(),
         .average = average.data,
         .x = context.input(1).data,
         .step = context.input(2).pointer<std::int64_t>(),
         .gradient_scale = context.inputs.size() == 4 ? context.input(3).pointer<float>() : nullptr,
         .count = average.elements(),
         .decay = decay_});
  }
  std::vector<InPlace> in_place() const override {
    return {{.output = 0, .input = 0, .rule = InPlace::Rule::required}};
  }

 private:
  double decay_;
};

}  // namespace

void WeightAverage::fields(FieldVisitor& visit) {
  visit.field(
      "decay", decay,
      {.help = "share of the average that each step keeps", .positional = true, .min = 0, .below = 1});
}

Value WeightAverage::build(Graph& graph, Value parameters, Value step, Value gradient_scale) const {
  const ValueType type = graph.type(parameters);
  const Value average =
      graph.variable({.name = kName, .dtype = type.dtype, .shape = type.shape, .initialize = nullptr});
  std::vector<Value> inputs = {average, parameters, step};
  if (gradient_scale) inputs.push_back(gradient_scale);
  const Value result = graph.add(MovingAverage(decay), inputs, "average");
  graph.update(average, result);
  return result;
}

}  // namespace slipway
