#include "tools/train/run_state.h"

#include <functional>
#include <ostream>

#include "core/runtime/step_state.h"
#include "optim/average.h"

namespace slipway {
namespace {

/// Where one variable of the program is kept in a checkpoint.
struct Entry {
  std::string name;
  Checkpoint::Tensors Checkpoint::*part;
  Tensor memory;  // in its own layout, shared with the program
};

std::vector<std::string> divided(const TrainingProgram& program) {
  std::vector<std::string> names;
  if (!program.state_shards()) return names;
  for (const std::string& name : program.variables().names()) {
    if (Optimizer::is_state(name)) names.push_back(name);
  }
  return names;
}

/// Those of `states` stand for the program's own.
std::vector<Entry> entries_of(const TrainingProgram& program, const WholeStates& states) {
  const Variables& variables = program.variables();
  const VariableArena& arena = program.arena();
  std::vector<Entry> entries;
  for (const std::string& name : variables.names()) {
    if (name == TrainingProgram::kParameters || TrainingProgram::is_accumulated(name) ||
        StepState::owns(name))
      continue;
    const auto whole = states.find(name);
    const Tensor& tensor = whole == states.end() ? variables[name] : whole->second;
    if (program.is_parameter(name))
      entries.push_back({name, &Checkpoint::parameters, tensor});
    else if (program.is_model_state(name))
      entries.push_back({name, &Checkpoint::state, tensor});
    else if (tensor.shape() != Shape{arena.elements})
      entries.push_back({name, &Checkpoint::optimizer, tensor});
    else {
      for (const VariableArena::Member& member : arena.members) {
        entries.push_back({text(name, '.', member.name), &Checkpoint::optimizer,
                           tensor.shared(variables[member.name].type(),
                                         static_cast<std::size_t>(member.offset) * size_of(arena.dtype))});
      }
    }
  }
  return entries;
}

}  // namespace

WholeStates collect_states(const TrainingProgram& program) {
  WholeStates states;
  for (const std::string& name : divided(program))
    states[name] = program.state_shards()->whole(program.stream(), program.variables()[name]);
  return states;
}

void divide_states(TrainingProgram& program, const WholeStates& states) {
  for (const std::string& name : divided(program)) {
    const auto whole = states.find(name);
    program.state_shards()->divide(program.stream(), whole == states.end() ? Tensor() : whole->second,
                                   program.variables()[name]);
  }
}

void capture_variables(const TrainingProgram& program, const WholeStates& states, Checkpoint& checkpoint) {
  for (const Entry& entry : entries_of(program, states))
    (checkpoint.*entry.part)[entry.name] = entry.memory.to(Device{});
}

WholeStates restore_variables(TrainingProgram& program, const Checkpoint& checkpoint,
                              const std::string& origin) {
  WholeStates states;
  const VariableArena& arena = program.arena();
  for (const std::string& name : divided(program))
    states[name] = Tensor::zeros(arena.dtype, Shape{arena.elements});
  const std::vector<Entry> entries = entries_of(program, states);
  for (const Entry& entry : entries) {  // check everything before anything is changed
    const Checkpoint::Tensors& saved = checkpoint.*entry.part;
    const auto found = saved.find(entry.name);
    require_user(found != saved.end(), origin, ": has no '", entry.name,
                 "', which the configuration's model needs");
    require_user(found->second.shape() == entry.memory.shape(), origin, ": '", entry.name, "' has shape ",
                 found->second.shape(), ", the configuration's model expects ", entry.memory.shape());
  }
  for (const Entry& entry : entries) copy_elements((checkpoint.*entry.part).at(entry.name), entry.memory);
  return states;
}

Checkpoint::Tensors evaluated_tensors(const Checkpoint& checkpoint) {
  Checkpoint::Tensors tensors = checkpoint.parameters;
  tensors.insert(checkpoint.state.begin(), checkpoint.state.end());
  const std::string prefix = text(WeightAverage::kName, '.');
  for (const auto& [name, tensor] : checkpoint.optimizer) {
    if (name.starts_with(prefix)) tensors[name.substr(prefix.size())] = tensor;
  }
  return tensors;
}

TakeOver initialize_from(TrainingProgram& program, const Checkpoint& checkpoint) {
  TakeOver result;
  Checkpoint::Tensors offered = evaluated_tensors(checkpoint);
  for (const Entry& entry : entries_of(program, {})) {
    if (entry.part == &Checkpoint::optimizer) continue;
    const auto found = offered.find(entry.name);
    if (found == offered.end()) {
      result.missing.push_back(entry.name);
    } else if (found->second.shape() != entry.memory.shape()) {
      result.differing.push_back(text(entry.name, ": ", found->second.shape(), " in the checkpoint, ",
                                      entry.memory.shape(), " in the model"));
      offered.erase(found);
    } else {
      copy_elements(found->second, entry.memory);
      result.taken.push_back(entry.name);
      offered.erase(found);
    }
  }
  for (const auto& [name, tensor] : offered) result.unused.push_back(name);
  return result;
}

std::ostream& operator<<(std::ostream& out, const TakeOver& result) {
  out << result.taken.size() << " variables taken over";
  const auto list = [&](const char* what, const std::vector<std::string>& names) {
    if (names.empty()) return;
    out << "\n  " << what << ':';
    for (const std::string& name : names) out << "\n    " << name;
  };
  list("of another shape, kept as initialised", result.differing);
  list("not in the checkpoint, kept as initialised", result.missing);
  list("in the checkpoint, not in the model", result.unused);
  return out;
}

}  // namespace slipway
