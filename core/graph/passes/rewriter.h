#pragma once

#include <map>
#include <vector>

#include "core/graph/graph.h"

namespace slipway {

/// Makes a new graph from an old one, node by node, and remembers what became of each value.
class GraphRewriter {
 public:
  explicit GraphRewriter(const Graph& from) : from_(from) {}

  const Graph& from() const { return from_; }
  Graph& to() { return to_; }
  /// The new value of an old one; Error if it was dropped.
  Value operator()(Value old) const;
  std::vector<Value> operator()(const std::vector<Value>& old) const;
  bool has(Value old) const { return map_.contains(old); }
  void set(Value old, Value now) { map_[old] = now; }
  /// Copies an old node with its inputs mapped; returns the new node.
  int copy(int node);
  /// Carries outputs and updates over and returns the new graph.
  Graph finish() &&;

 private:
  const Graph& from_;
  Graph to_;
  std::map<Value, Value> map_;
};

/// How often each value is read by a node, an output or an update, indexed [node][output].
std::vector<std::vector<int>> count_uses(const Graph& graph);

}  // namespace slipway
