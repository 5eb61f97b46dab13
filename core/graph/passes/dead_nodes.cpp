#include "core/graph/passes/passes.h"
#include "core/graph/passes/rewriter.h"

namespace slipway {

Graph eliminate_dead_nodes(const Graph& graph) {
  std::vector<bool> live(graph.nodes().size(), false);
  for (const auto& [name, value] : graph.outputs()) live[static_cast<std::size_t>(value.node)] = true;
  for (const VariableUpdate& update : graph.updates())
    live[static_cast<std::size_t>(update.result.node)] = true;
  for (std::size_t i = graph.nodes().size(); i-- > 0;) {
    const Node& node = graph.nodes()[i];
    if (node.kind == NodeKind::input) live[i] = true;
    if (!live[i]) continue;
    for (const Value input : node.inputs) live[static_cast<std::size_t>(input.node)] = true;
  }
  GraphRewriter rewrite(graph);
  for (std::size_t i = 0; i < live.size(); ++i) {
    if (live[i]) rewrite.copy(static_cast<int>(i));
  }
  return std::move(rewrite).finish();
}

}  // namespace slipway
