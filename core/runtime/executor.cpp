#include "core/runtime/executor.h"

#include "core/runtime/cpu_threads.h"

namespace slipway {

Executor::Executor(Graph graph, const Stream& stream, const Variables& variables, const Buffer& workspace,
                   MemoryReuse reuse)
    : stream_(stream), graph_(std::move(graph)) {
  if (stream_.device.kind == DeviceKind::cpu) prepare_cpu_threads(stream_.threads);
  std::vector<std::size_t> scratch(graph_.nodes().size(), 0);
  std::vector<std::unique_ptr<OpState>> states(graph_.nodes().size());
  for (std::size_t i = 0; i < graph_.nodes().size(); ++i) {
    const Node& node = graph_.nodes()[i];
    if (node.kind != NodeKind::op) continue;
    std::vector<ValueType> inputs;
    for (const Value input : node.inputs) inputs.push_back(graph_.type(input));
    PrepareContext context{.stream = stream_, .inputs = inputs, .outputs = node.outputs};
    states[i] = node.op->prepare(context);
    scratch[i] = context.scratch_bytes;
  }
  memory_ = plan_memory(graph_, scratch, reuse);
  arena_ = workspace.bytes() >= memory_.arena_bytes ? workspace : Buffer(stream_.device, memory_.arena_bytes);

  const auto view = [&](Value value) {
    return TensorView{address(memory_[value], variables), graph_.type(value)};
  };
  for (std::size_t i = 0; i < graph_.nodes().size(); ++i) {
    const Node& node = graph_.nodes()[i];
    if (node.kind == NodeKind::input) bound_[node.name] = false;
    if (node.kind != NodeKind::op) continue;
    OpContext context{
        .stream = stream_, .inputs = {}, .outputs = {}, .scratch = arena_.data() + memory_.scratch[i]};
    for (const Value input : node.inputs) context.inputs.push_back(view(input));
    for (int k = 0; k < static_cast<int>(node.outputs.size()); ++k) {
      context.outputs.push_back(view({static_cast<int>(i), k}));
    }
    context.state = states[i].get();
    steps_.push_back({static_cast<int>(i), std::move(states[i]), std::move(context)});
  }
  for (const auto& [name, value] : graph_.outputs()) outputs_[name] = view(value);

  const auto note_use = [&](Value value, TensorView* use) {
    const MemoryPlan::Place place = memory_[value];
    if (place.leaf < 0 || graph_.node(place.leaf).kind != NodeKind::input) return;
    input_uses_[graph_.node(place.leaf).name].push_back({use, place.offset});
  };
  for (Step& step : steps_) {
    const Node& node = graph_.node(step.node);
    for (std::size_t k = 0; k < node.inputs.size(); ++k) note_use(node.inputs[k], &step.context.inputs[k]);
    for (std::size_t k = 0; k < node.outputs.size(); ++k) {
      note_use({step.node, static_cast<int>(k)}, &step.context.outputs[k]);
    }
  }
  for (auto& [name, use] : outputs_) note_use(graph_.outputs().at(name), &use);
}

std::byte* Executor::address(const MemoryPlan::Place& place, const Variables& variables) const {
  if (place.leaf == MemoryPlan::kArena) return arena_.data() + place.offset;
  const Node& leaf = graph_.node(place.leaf);
  switch (leaf.kind) {
    case NodeKind::constant:
      return leaf.constant.view().data + place.offset;
    case NodeKind::variable: {
      const Tensor& tensor = variables[leaf.name];
      require(tensor.type() == leaf.outputs[0], "variable '", leaf.name, "' is ", tensor.type(),
              ", but the graph expects ", leaf.outputs[0]);
      return tensor.view().data + place.offset;
    }
    default:
      return nullptr;  // an input, bound later
  }
}

void Executor::bind(const std::string& input, const TensorView& view) {
  const Value value = graph_.find(input);
  require(static_cast<bool>(value) && graph_.node(value.node).kind == NodeKind::input, "there is no input '",
          input, "'");
  require(view.type == graph_.type(value), "input '", input, "' is ", graph_.type(value), ", got ",
          view.type);
  for (const Use& use : input_uses_[input]) use.view->data = view.data + use.offset;
  bound_[input] = true;
}

void Executor::run_step(Step& step) {
  try {
    graph_.node(step.node).op->run(step.context);
  } catch (const Error& error) {
    const Node& node = graph_.node(step.node);
    throw Error(text(node.op->name(), " '", node.name, "': ", error.what()));
  }
}

void Executor::run() {
  for (const auto& [name, bound] : bound_) require(bound, "input '", name, "' has not been bound");
  for (Step& step : steps_) run_step(step);
}

void Executor::run(const std::function<void(int node, const OpContext&)>& after) {
  for (const auto& [name, bound] : bound_) require(bound, "input '", name, "' has not been bound");
  for (Step& step : steps_) {
    run_step(step);
    after(step.node, step.context);
  }
}

TensorView Executor::output(const std::string& name) const {
  const auto found = outputs_.find(name);
  require(found != outputs_.end(), "there is no output '", name, "'");
  return found->second;
}

}  // namespace slipway
