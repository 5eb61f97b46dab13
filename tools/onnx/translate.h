#pragma once

#include <functional>

#include "core/graph/graph.h"
#include "core/runtime/variables.h"
#include "tools/onnx/onnx_graph.h"

namespace slipway {

/// The ONNX form (opset 17) of a graph without updates, with fixed sizes: its inputs and named outputs under
/// their names, variables as initializers under theirs. What depends on variables alone is computed now.
OnnxGraph translate_to_onnx(const Graph& graph, const Variables& variables);

/// The same with a batch size that the caller of the model chooses. `build(n)` makes the graph for n samples:
/// dimensions that change with n get the name `batch_size` (or a multiple of it), and reshapes follow them.
OnnxGraph translate_to_onnx(const std::function<Graph(std::int64_t batch_size)>& build,
                            const Variables& variables);

}  // namespace slipway
