#include "core/graph/op.h"

#include "core/graph/graph.h"

namespace slipway {

Value VjpContext::input(int i) const { return graph_.node(node_).inputs[static_cast<std::size_t>(i)]; }
int VjpContext::inputs() const { return static_cast<int>(graph_.node(node_).inputs.size()); }
const ValueType& VjpContext::type(Value value) const { return graph_.type(value); }
Value VjpContext::add(OpPtr op, std::vector<Value> inputs) {
  return add_all(std::move(op), std::move(inputs))[0];
}
std::vector<Value> VjpContext::add_all(OpPtr op, std::vector<Value> inputs) {
  return graph_.add_all(std::move(op), std::move(inputs), graph_.node(node_).name + ".grad");
}

std::unique_ptr<OpState> Op::prepare(PrepareContext&) const { return nullptr; }

std::vector<Value> Op::vjp(VjpContext&) const { throw Error(text(name(), ": has no gradient")); }

Cost Op::cost(std::span<const ValueType> inputs, std::span<const ValueType> outputs) const {
  Cost cost;
  for (const ValueType& type : inputs) cost.bytes += static_cast<double>(type.bytes());
  for (const ValueType& type : outputs) cost.bytes += static_cast<double>(type.bytes());
  return cost;
}

void Op::to_onnx(OnnxSink&) const { throw UserError(text(name(), ": has no ONNX form")); }

LayoutChoice Op::choose_layouts(const Stream&, std::span<const ValueType>, std::span<const ValueType>) const {
  throw Error(text(name(), ": chooses no layouts"));
}

OpPtr Op::fuse_consumer(int, const Op&, int) const { return nullptr; }
OpPtr Op::fuse_producer(const Op&, int) const { return nullptr; }

void expect_inputs(const Op& op, std::span<const ValueType> inputs, std::size_t expected) {
  require(inputs.size() == expected, op.name(), ": expects ", expected, " inputs, got ", inputs.size());
}

void expect_rank(const Op& op, std::span<const ValueType> inputs, int i, int rank) {
  const ValueType& type = inputs[static_cast<std::size_t>(i)];
  require(type.shape.rank() == rank, op.name(), ": input ", i, " must have rank ", rank, ", got ", type);
}

std::vector<Tensor> run_op(const Op& op, std::span<const Tensor> inputs, const Stream& stream) {
  std::vector<ValueType> input_types;
  OpContext context{.stream = stream, .inputs = {}, .outputs = {}};
  for (const Tensor& input : inputs) {
    require(input.type().is_row_major(), op.name(), ": run_op needs row-major inputs, got ", input.type());
    require(input.device() == stream.device, op.name(), ": run_op needs inputs on ", to_string(stream.device),
            ", got one on ", to_string(input.device()));
    input_types.push_back(input.type());
    context.inputs.push_back(input);
  }
  const std::vector<ValueType> output_types = op.infer(input_types);
  std::vector<Tensor> outputs;
  for (const ValueType& type : output_types) outputs.emplace_back(type, stream.device);
  for (const InPlace& alias : op.in_place()) {
    if (alias.rule != InPlace::Rule::required) continue;
    const Tensor& input = inputs[static_cast<std::size_t>(alias.input)];
    outputs[static_cast<std::size_t>(alias.output)] =
        input.shared(output_types[static_cast<std::size_t>(alias.output)]);
  }
  for (const Tensor& output : outputs) context.outputs.push_back(output);

  PrepareContext prepare{.stream = stream, .inputs = input_types, .outputs = output_types};
  const std::unique_ptr<OpState> state = op.prepare(prepare);
  const Buffer scratch(stream.device, prepare.scratch_bytes);
  context.scratch = scratch.data();
  context.state = state.get();
  op.run(context);
  synchronize(stream);  // the scratch memory ends here
  return outputs;
}

}  // namespace slipway
