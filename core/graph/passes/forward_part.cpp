#include "core/graph/passes/forward_part.h"

#include <algorithm>

namespace slipway {

ForwardPart::ForwardPart(const Graph& graph, Value loss) : graph_(graph) {
  const int count = static_cast<int>(graph.nodes().size());
  position_.assign(static_cast<std::size_t>(count), -1);
  for (int i = 0; i < count; ++i) {
    const Node& node = graph.node(i);
    uses_.emplace_back(node.outputs.size());
    find_roots(i);
    const bool is_forward = node.kind == NodeKind::op && i <= loss.node;
    if (is_forward) {
      position_[static_cast<std::size_t>(i)] = static_cast<int>(ops_.size());
      ops_.push_back(i);
    }
    for (Use& use : uses_.back()) {
      use.last_reader = position(i);
      use.stays = !is_forward;
    }
    for (const Value input : node.inputs) {
      Use& use = of(root(input));
      if (is_forward)
        use.last_reader = position(i);
      else if (i > loss.node)
        use.read_by_backward = true;
    }
  }
  for (const auto& [name, value] : graph.outputs()) of(root(value)).stays = true;
  for (const VariableUpdate& update : graph.updates()) {
    if (graph.node(update.result.node).op->recomputation()) continue;
    for (Use& use : uses_[static_cast<std::size_t>(update.result.node)]) use.stays = true;
  }
}

/// Views share their input's memory, which is where the results of updates are too.
void ForwardPart::find_roots(int node) {
  std::vector<Use>& uses = uses_[static_cast<std::size_t>(node)];
  for (std::size_t k = 0; k < uses.size(); ++k) uses[k].root = {node, static_cast<int>(k)};
  if (graph_.node(node).kind != NodeKind::op) return;
  for (const InPlace& alias : graph_.node(node).op->in_place()) {
    if (alias.rule != InPlace::Rule::required) continue;
    const Value input = graph_.node(node).inputs[static_cast<std::size_t>(alias.input)];
    uses[static_cast<std::size_t>(alias.output)].root = root(input);
  }
}

Value ForwardPart::root(Value value) const { return of(value).root; }

}  // namespace slipway
