#include "core/graph/passes/rewriter.h"

namespace slipway {

Value GraphRewriter::operator()(Value old) const {
  const auto found = map_.find(old);
  require(found != map_.end(), "graph pass: node %", old.node, " was dropped but is still used");
  return found->second;
}

std::vector<Value> GraphRewriter::operator()(const std::vector<Value>& old) const {
  std::vector<Value> values;
  for (const Value value : old) values.push_back((*this)(value));
  return values;
}

int GraphRewriter::copy(int node) {
  Node copied = from_.node(node);
  copied.inputs = (*this)(copied.inputs);
  const int index = to_.append(std::move(copied));
  for (int i = 0; i < static_cast<int>(from_.node(node).outputs.size()); ++i) set({node, i}, {index, i});
  return index;
}

Graph GraphRewriter::finish() && {
  for (const auto& [name, value] : from_.outputs()) to_.output(name, (*this)(value));
  for (const VariableUpdate& update : from_.updates())
    to_.update((*this)(update.variable), (*this)(update.result));
  return std::move(to_);
}

std::vector<std::vector<int>> count_uses(const Graph& graph) {
  std::vector<std::vector<int>> uses;
  for (const Node& node : graph.nodes()) uses.emplace_back(node.outputs.size(), 0);
  const auto use = [&](Value value) {
    ++uses[static_cast<std::size_t>(value.node)][static_cast<std::size_t>(value.output)];
  };
  for (const Node& node : graph.nodes()) {
    for (const Value input : node.inputs) use(input);
  }
  for (const auto& [name, value] : graph.outputs()) use(value);
  for (const VariableUpdate& update : graph.updates()) use(update.result);
  return uses;
}

}  // namespace slipway
