#include "tools/onnx/float_input.h"

#include "core/graph/passes/rewriter.h"

namespace slipway {

Graph with_float_inputs(const Graph& graph) {
  GraphRewriter rewriter(graph);
  for (int i = 0; i < static_cast<int>(graph.nodes().size()); ++i) {
    const Node& node = graph.node(i);
    if (node.kind == NodeKind::input && node.outputs[0].dtype == DType::uint8) {
      rewriter.set({i, 0}, rewriter.to().input(node.name, {DType::float32, node.outputs[0].shape}));
    } else if (node.kind == NodeKind::op) {  // types follow from the inputs
      rewriter.to().set_position(node.where);
      const std::vector<Value> values = rewriter.to().add_all(node.op, rewriter(node.inputs), node.name);
      for (int output = 0; output < static_cast<int>(values.size()); ++output) {
        rewriter.set({i, output}, values[static_cast<std::size_t>(output)]);
      }
    } else {
      rewriter.copy(i);
    }
  }
  return std::move(rewriter).finish();
}

}  // namespace slipway
