#include "core/runtime/executor.h"

#include "core/comm/communicator.h"
#include "core/runtime/cpu_threads.h"
#include "core/runtime/kernel_slot.h"

namespace slipway {
namespace {

std::string explain(const Node& node, const Error& error) {
  return text(node.op->name(), " '", node.name, "': ", error.what());
}

}  // namespace

Executor::Executor(Graph graph, const Stream& stream, const Variables& variables,
                   const ExecutorOptions& options)
    : stream_(stream),
      graph_(std::move(graph)),
      captures_(options.capture && !stream.device.is_host() && !stream.synchronous) {
  if (stream_.device.is_host()) prepare_cpu_threads(stream_.threads);
  std::vector<std::unique_ptr<OpState>> states(graph_.nodes().size());
  prepare(options, states);

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

/// What has to happen once: implementations, memory.
void Executor::prepare(const ExecutorOptions& options, std::vector<std::unique_ptr<OpState>>& states) {
  std::vector<std::size_t> scratch(graph_.nodes().size(), 0);
  for (std::size_t i = 0; i < graph_.nodes().size(); ++i) {
    const Node& node = graph_.nodes()[i];
    place_leaf(static_cast<int>(i));
    if (node.kind != NodeKind::op) continue;
    std::vector<ValueType> inputs;
    for (const Value input : node.inputs) inputs.push_back(graph_.type(input));
    PrepareContext context{.stream = stream_, .inputs = inputs, .outputs = node.outputs};
    states[i] = node.op->prepare(context);
    scratch[i] = context.scratch_bytes;
  }
  memory_ = plan_memory(graph_, scratch, options.reuse);
  const Buffer& workspace = options.workspace;
  const bool fits = workspace.device() == stream_.device && workspace.bytes() >= memory_.arena_bytes;
  arena_ = fits ? workspace : Buffer(stream_.device, memory_.arena_bytes);
}

/// The memory of a constant, and of an input on a device.
void Executor::place_leaf(int index) {
  const Node& node = graph_.node(index);
  if (node.kind == NodeKind::constant) {
    const bool is_there = node.constant.device() == stream_.device;
    leaves_[index] = is_there ? node.constant : node.constant.to(stream_.device);
  } else if (node.kind == NodeKind::input && !stream_.device.is_host()) {
    leaves_[index] = Tensor(node.outputs[0], stream_.device);
  }
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
  if (leaf.kind == NodeKind::variable) {
    const Tensor& tensor = variables[leaf.name];
    require(tensor.type() == leaf.outputs[0], "variable '", leaf.name, "' is ", tensor.type(),
            ", but the graph expects ", leaf.outputs[0]);
    require(tensor.device() == stream_.device, "variable '", leaf.name, "' lies on ",
            to_string(tensor.device()), ", but the graph runs on ", to_string(stream_.device));
    return tensor.view().data + place.offset;
  }
  const auto found = leaves_.find(place.leaf);
  if (found == leaves_.end()) return nullptr;  // an input on the host, bound later
  return found->second.view().data + place.offset;
}

void Executor::bind(const std::string& input, const TensorView& view) {
  const Value value = graph_.find(input);
  require(static_cast<bool>(value) && graph_.node(value.node).kind == NodeKind::input, "there is no input '",
          input, "'");
  require(view.type == graph_.type(value), "input '", input, "' is ", graph_.type(value), ", got ",
          view.type);
  bound_[input] = true;
  if (!stream_.device.is_host()) return enqueue_copy(stream_, view, leaves_.at(value.node));
  require(view.device.is_host(), "input '", input, "' lies on ", to_string(view.device),
          ", but the graph runs on ", to_string(stream_.device));
  for (const Use& use : input_uses_[input]) use.view->data = view.data + use.offset;
}

void Executor::run_step(Step& step, Wait wait) {
  try {
    graph_.node(step.node).op->run(step.context);
    if (wait == Wait::yes || stream_.synchronous) synchronize(stream_);
  } catch (const MissingKernel& error) {
    throw MissingKernel(explain(graph_.node(step.node), error));
  } catch (const CommunicationError& error) {
    throw CommunicationError(explain(graph_.node(step.node), error));
  } catch (const Error& error) {
    throw Error(explain(graph_.node(step.node), error));
  }
}

void Executor::expect_bound() const {
  for (const auto& [name, bound] : bound_) require(bound, "input '", name, "' has not been bound");
}

void Executor::run() {
  expect_bound();
  // The first run readies what kernels need only once, which a capture might not bear.
  if (captures_ && has_run_) return capture();
  for (Step& step : steps_) run_step(step, Wait::no);
  has_run_ = true;
}

void Executor::capture() {
  const auto enqueue = [this](std::size_t step) { run_step(steps_[step], Wait::no); };
  if (!recording_) recording_.emplace(stream_, steps_.size(), enqueue);
  recording_->replay(stream_, enqueue);
}

void Executor::run(const std::function<void(int node, const OpContext&)>& after) {
  expect_bound();
  for (Step& step : steps_) {
    run_step(step, Wait::yes);
    after(step.node, step.context);
  }
}

void Executor::run_watched(const std::function<void(int node)>& before) {
  expect_bound();
  for (Step& step : steps_) {
    before(step.node);
    run_step(step, Wait::no);
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
