#pragma once

#include "core/graph/op.h"

namespace slipway::test {

/// Runs one op as a plan would, in the layouts that it chooses itself; values are row-major on both sides.
/// The padding of blocked outputs must come out zero: that is checked.
inline std::vector<Tensor> run_in_chosen_layouts(const Op& op, const std::vector<Tensor>& inputs,
                                                 const Stream& stream) {
  std::vector<ValueType> input_types;
  for (const Tensor& input : inputs) input_types.push_back(input.type());
  std::vector<ValueType> output_types = op.infer(input_types);
  if (op.layout_rule() == LayoutRule::chosen) {
    const LayoutChoice choice = op.choose_layouts(stream, input_types, output_types);
    for (std::size_t i = 0; i < inputs.size(); ++i) input_types[i].layout = choice.inputs[i];
    for (std::size_t i = 0; i < output_types.size(); ++i) output_types[i].layout = choice.outputs[i];
  }
  std::vector<Tensor> arranged, outputs;
  OpContext context{.stream = stream, .inputs = {}, .outputs = {}};
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    arranged.emplace_back(input_types[i]);
    copy_elements(inputs[i], arranged.back());
    context.inputs.push_back(arranged.back());
  }
  for (const ValueType& type : output_types) {
    outputs.emplace_back(type);
    std::fill_n(outputs.back().view().data, type.bytes(), std::byte{0x7f});
    context.outputs.push_back(outputs.back());
  }
  PrepareContext prepare{.stream = stream, .inputs = input_types, .outputs = output_types};
  const std::unique_ptr<OpState> state = op.prepare(prepare);
  const Buffer scratch(stream.device, prepare.scratch_bytes);
  std::fill_n(scratch.data(), prepare.scratch_bytes, std::byte{0x7f});
  context.scratch = scratch.data();
  context.state = state.get();
  op.run(context);

  std::vector<Tensor> results;
  for (const Tensor& output : outputs) {
    results.push_back(output.clone());
    Tensor clean(output.type());
    copy_elements(results.back(), clean);
    const bool same =
        std::equal(clean.view().data, clean.view().data + clean.type().bytes(), output.view().data);
    require(same, op.name(), ": left something in the padding of ", output.type());
  }
  return results;
}

}  // namespace slipway::test
