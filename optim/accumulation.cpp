#include "optim/accumulation.h"

#include "kernels/flat.h"
#include "kernels/memory.h"

namespace slipway {
namespace {

/// (sum, x) -> sum + x, in place
class Accumulate : public Op {
 public:
  std::string_view name() const override { return "accumulate"; }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    expect_inputs(*this, inputs, 2);
    require(is_floating(inputs[0].dtype) && inputs[0] == inputs[1], name(),
            ": expects two floating-point values of one type, got ", inputs[0], " and ", inputs[1]);
    return {inputs[0]};
  }
  void run(OpContext& context) const override {
    const TensorView& sum = context.output();
    accumulate_kernel(context.stream, {.dtype = sum.dtype(),
                                       .sum = sum.data,
                                       .x = context.input(1).data,
                                       .count = sum.type.layout.extent(sum.shape())});
  }
  std::vector<InPlace> in_place() const override {
    return {{.output = 0, .input = 0, .rule = InPlace::Rule::required}};
  }
  LayoutRule layout_rule() const override { return LayoutRule::elementwise; }
};

/// variable -> 0, in place
class SetZero : public Op {
 public:
  std::string_view name() const override { return "set_zero"; }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    expect_inputs(*this, inputs, 1);
    return {inputs[0]};
  }
  void run(OpContext& context) const override {
    const TensorView& y = context.output();
    fill(context.stream,
         {.dtype = y.dtype(), .y = y.data, .count = y.type.layout.extent(y.shape()), .value = 0});
  }
  std::vector<InPlace> in_place() const override {
    return {{.output = 0, .input = 0, .rule = InPlace::Rule::required}};
  }
  LayoutRule layout_rule() const override { return LayoutRule::elementwise; }
};

}  // namespace

Value accumulate(Graph& graph, Value sum, Value x) {
  const Value result = graph.add(Accumulate(), {sum, x}, graph.node(sum.node).name);
  graph.update(sum, result);
  return result;
}

Value set_zero(Graph& graph, Value variable) {
  const Value result = graph.add(SetZero(), {variable}, graph.node(variable.node).name);
  graph.update(variable, result);
  return result;
}

}  // namespace slipway
