#include "core/runtime/executor.h"

#include "core/runtime/cpu_threads.h"
#include "core/runtime/kernel_slot.h"

namespace slipway {
namespace {

std::string explain(const Node& node, const Error& error) {
  return text(node.op->name(), " '", node.name, "': ", error.what());
}

}  // namespace

Executor::Executor(Graph graph, const Stream& stream, const Variables& variables, const Buffer& workspace,
                   MemoryReuse reuse)
    : stream_(stream), graph_(std::move(graph)) {
  if (stream_.device.is_host()) prepare_cpu_threads(stream_.threads);
  std::vector<std::unique_ptr<OpState>> states(graph_.nodes().size());
  prepare(reuse, workspace, states);

  const auto view = [&](Value value) {
    return TensorView{address(memory_[value], variables), graph_.type(value), stream_.device};
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
  note_input_uses();
}

/// What has to happen once: implementations, constants on the device, memory.
void Executor::prepare(MemoryReuse reuse, const Buffer& workspace,
                       std::vector<std::unique_ptr<OpState>>& states) {
  std::vector<std::size_t> scratch(graph_.nodes().size(), 0);
  for (std::size_t i = 0; i < graph_.nodes().size(); ++i) {
    const Node& node = graph_.nodes()[i];
    if (node.kind == NodeKind::constant) {
      const bool is_there = node.constant.device() == stream_.device;
      constants_[static_cast<int>(i)] = is_there ? node.constant : node.constant.to(stream_.device);
    }
    if (node.kind != NodeKind::op) continue;
    std::vector<ValueType> inputs;
    for (const Value input : node.inputs) inputs.push_back(graph_.type(input));
    PrepareContext context{.stream = stream_, .inputs = inputs, .outputs = node.outputs};
    states[i] = node.op->prepare(context);
    scratch[i] = context.scratch_bytes;
  }
  memory_ = plan_memory(graph_, scratch, reuse);
  const bool fits = workspace.device() == stream_.device && workspace.bytes() >= memory_.arena_bytes;
  arena_ = fits ? workspace : Buffer(stream_.device, memory_.arena_bytes);
}

void Executor::note_input_uses() {
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
      return constants_.at(place.leaf).view().data + place.offset;
    case NodeKind::variable: {
      const Tensor& tensor = variables[leaf.name];
      require(tensor.type() == leaf.outputs[0], "variable '", leaf.name, "' is ", tensor.type(),
              ", but the graph expects ", leaf.outputs[0]);
      require(tensor.device() == stream_.device, "variable '", leaf.name, "' lies on ",
              to_string(tensor.device()), ", but the graph runs on ", to_string(stream_.device));
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
  TensorView here = view;
  if (view.device != stream_.device) {
    Tensor& copied = copied_inputs_[input];
    if (!copied.defined()) copied = Tensor(view.type, stream_.device);
    enqueue_copy(stream_, view, copied);
    here = copied;
  }
  for (const Use& use : input_uses_[input]) use.view->data = here.data + use.offset;
  bound_[input] = true;
}

void Executor::run_step(Step& step, Wait wait) {
  try {
    graph_.node(step.node).op->run(step.context);
    if (wait == Wait::yes || stream_.synchronous) synchronize(stream_);
  } catch (const MissingKernel& error) {
    throw MissingKernel(explain(graph_.node(step.node), error));
  } catch (const Error& error) {
    throw Error(explain(graph_.node(step.node), error));
  }
}

void Executor::expect_bound() const {
  for (const auto& [name, bound] : bound_) require(bound, "input '", name, "' has not been bound");
}

void Executor::run() {
  expect_bound();
  for (Step& step : steps_) run_step(step, Wait::no);
}

void Executor::run(const std::function<void(int node, const OpContext&)>& after) {
  expect_bound();
  for (Step& step : steps_) {
    run_step(step, Wait::yes);
    after(step.node, step.context);
  }
}

TensorView Executor::output(const std::string& name) const {
  const auto found = outputs_.find(name);
  require(found != outputs_.end(), "there is no output '", name, "'");
  return found->second;
}

Tensor Executor::read(const std::string& name) const {
  const TensorView computed = output(name);
  const Tensor copy(computed.dtype(), computed.shape());
  if (computed.type == copy.type())
    enqueue_copy(stream_, computed, copy);
  else
    copy_elements(computed, copy);
  return copy;
}

}  // namespace slipway
