#pragma once

#include <onnx/checker.h>

#include <map>
#include <string>

#include "core/base/random.h"

#include "core/runtime/executor.h"
#include "tests/support/command.h"
#include "tests/support/temporary_directory.h"
#include "tools/onnx/golden.h"

namespace slipway::test {

/// A tensor of pseudo-random numbers in [-1, 1].
inline Tensor random_tensor(const Shape& shape, std::uint64_t key = 1) {
  const Tensor tensor(DType::float32, shape);
  RandomSequence random({.key = key});
  for (float& value : tensor.as<float>()) value = static_cast<float>(random.uniform(-1, 1));
  return tensor;
}

/// The outputs of a graph as Slipway computes them.
inline std::map<std::string, Tensor> run_graph(const Graph& graph, const Variables& variables,
                                               const std::map<std::string, Tensor>& inputs) {
  Executor executor(graph, Stream(), variables);
  for (const auto& [name, tensor] : inputs) executor.bind(name, tensor);
  executor.run();
  std::map<std::string, Tensor> outputs;
  for (const auto& [name, value] : graph.outputs()) {
    const TensorView view = executor.output(name);
    outputs[name] = Tensor(view.dtype(), view.shape());
    copy_elements(view, outputs[name]);
  }
  return outputs;
}

/// `model.onnx` in the directory passes ONNX's checker, and onnxruntime-node computes these outputs, also for
/// other batch sizes where the model leaves them open.
inline void expect_agreement(const TemporaryDirectory& directory, const std::map<std::string, Tensor>& inputs,
                             const std::map<std::string, Tensor>& outputs) {
  onnx::checker::check_model(directory / "model.onnx");
  directory.write("golden.json", golden_json(inputs, outputs));
  run_node("tools/web/verify/verify.mjs", {directory.path()});
}

}  // namespace slipway::test
