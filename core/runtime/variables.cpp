#include "core/runtime/variables.h"

#include <exception>

namespace slipway {
namespace {

void initialize(const VariableSpec& spec, const Tensor& memory) {
  if (!spec.initialize) return;
  if (memory.device().is_host() && memory.type().is_row_major()) return spec.initialize(memory);
  const Tensor host(spec.dtype, spec.shape);
  spec.initialize(host);
  copy_elements(host, memory);
}

}  // namespace

VariableArena VariableArena::plan(const Graph& graph, const std::string& name,
                                  const std::vector<Value>& variables) {
  VariableArena arena{.name = name, .members = {}};
  if (!variables.empty()) arena.dtype = graph.type(variables[0]).dtype;
  for (const Value value : variables) {
    const ValueType& type = graph.type(value);
    require(type.dtype == arena.dtype, "arena '", name, "' holds ", arena.dtype, ", got ", type);
    const std::int64_t elements = type.layout.extent(type.shape);
    arena.members.push_back({graph.node(value.node).name, arena.elements, elements});
    arena.elements += (elements + kAlignment - 1) / kAlignment * kAlignment;
  }
  return arena;
}

Tensor Variables::zeros(const ValueType& type) const {
  Tensor memory(type, stream_.device);
  enqueue_zeros(stream_, memory);
  return memory;
}

void Variables::insert(const std::vector<NewVariable>& variables) {
  const int threads = stream_.device.is_host() ? stream_.threads : 1;
  std::exception_ptr mistake;
  // Each draws from a random sequence of its own: the order is of no account.
#pragma omp parallel for num_threads(threads) schedule(dynamic, 1)
  for (const NewVariable& variable : variables) {
    try {
      initialize(*variable.spec, variable.memory);
    } catch (...) {
#pragma omp critical(slipway_variables)
      mistake = std::current_exception();
    }
  }
  if (mistake) std::rethrow_exception(mistake);
  for (const NewVariable& variable : variables) tensors_[variable.spec->name] = variable.memory;
}

void Variables::allocate(const VariableArena& arena, const Graph& graph) {
  require(!contains(arena.name), "variable '", arena.name, "' exists already");
  const Tensor flat = zeros({arena.dtype, Shape{arena.elements}});
  std::vector<NewVariable> members;
  for (const VariableArena::Member& member : arena.members) {
    const Value value = graph.find(member.name);
    members.push_back(
        {&graph.node(value.node).variable,
         flat.shared(graph.type(value), static_cast<std::size_t>(member.offset) * size_of(arena.dtype))});
  }
  insert(members);
  tensors_[arena.name] = flat;
}

void Variables::allocate(const Graph& graph) {
  std::vector<NewVariable> missing;
  for (const Node& node : graph.nodes()) {
    if (node.kind != NodeKind::variable) continue;
    const ValueType& type = node.outputs[0];
    if (!contains(node.name)) {
      missing.push_back({&node.variable, zeros(type)});
      continue;
    }
    const ValueType& existing = (*this)[node.name].type();
    require(existing.dtype == type.dtype && existing.shape == type.shape, "variable '", node.name, "' is ",
            existing, ", but the graph expects ", type);
  }
  insert(missing);
}

Variables Variables::with_arena(const VariableArena& arena, const std::string& flat) const {
  const Tensor& memory = (*this)[flat];
  require(memory.shape() == Shape{arena.elements}, "variable '", flat, "' is ", memory.type(),
          ", but arena '", arena.name, "' has ", arena.elements, " elements");
  Variables result = *this;
  for (const VariableArena::Member& member : arena.members) {
    result.tensors_[member.name] = memory.shared(
        tensors_.at(member.name).type(), static_cast<std::size_t>(member.offset) * size_of(arena.dtype));
  }
  return result;
}

const Tensor& Variables::operator[](const std::string& name) const {
  const auto found = tensors_.find(name);
  require(found != tensors_.end(), "there is no variable '", name, "'");
  return found->second;
}

std::optional<Layout> Variables::layout(const std::string& name) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) return std::nullopt;
  return found->second.type().layout;
}

std::vector<std::string> Variables::names() const {
  std::vector<std::string> names;
  for (const auto& [name, tensor] : tensors_) names.push_back(name);
  return names;
}

Variables Variables::on(const Stream& stream) const {
  Variables result(stream);
  for (const auto& [name, tensor] : tensors_) {
    Tensor& memory = result.tensors_[name] = tensor;
    if (tensor.device() == stream.device) continue;
    memory = Tensor(tensor.type(), stream.device);
    copy_elements(tensor, memory);
  }
  return result;
}

Tensor Variables::read(const std::string& name) const { return (*this)[name].to(Device{}); }

void Variables::write(const std::string& name, const Tensor& value) {
  const Tensor& target = (*this)[name];
  require(target.shape() == value.shape(), "variable '", name, "' has shape ", target.shape(), ", got ",
          value.shape());
  copy_elements(value, target);
}

void Variables::enqueue_write(const std::string& name, const TensorView& value) const {
  enqueue_copy(stream_, value, (*this)[name]);
}

}  // namespace slipway
