#pragma once

#include "core/graph/graph.h"
#include "core/runtime/variables.h"

namespace slipway {

/// The values that change from step to step, in device memory, so that a planned or captured step can be
/// replayed. Ops read them as inputs; the trainer writes them between steps.
struct StepState {
  static constexpr const char* kStep = "step_state.step";                   // int64[]: steps done so far
  static constexpr const char* kLearningRate = "step_state.learning_rate";  // float32[]

  /// Whether a variable is one of these.
  static bool owns(const std::string& name) { return name == kStep || name == kLearningRate; }
  /// The variable of that name in a graph, made on first use.
  static Value step(Graph& graph) { return variable(graph, kStep, DType::int64); }
  static Value learning_rate(Graph& graph) { return variable(graph, kLearningRate, DType::float32); }

  /// A graph without the variable needs no value: then nothing happens.
  static void set_step(const Variables& variables, std::int64_t step) { set(variables, kStep, step); }
  static void set_learning_rate(const Variables& variables, double rate) {
    set(variables, kLearningRate, static_cast<float>(rate));
  }

 private:
  static Value variable(Graph& graph, const char* name, DType dtype) {
    const Value known = graph.find(name);
    return known ? known : graph.variable({.name = name, .dtype = dtype, .shape = {}, .initialize = nullptr});
  }
  template <class T>
  static void set(const Variables& variables, const char* name, T value) {
    if (!variables.contains(name)) return;
    variables.enqueue_write(name, {reinterpret_cast<std::byte*>(&value), ValueType(dtype_of<T>, Shape{})});
  }
};

}  // namespace slipway
