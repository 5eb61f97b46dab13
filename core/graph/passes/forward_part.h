#pragma once

#include <vector>

#include "core/graph/graph.h"

namespace slipway {

/// The forward pass of a training graph, every op up to the loss, and who reads its values.
class ForwardPart {
 public:
  ForwardPart(const Graph& graph, Value loss);

  const Graph& graph() const { return graph_; }
  /// Nodes of the ops, in order; their places in this list are positions.
  const std::vector<int>& ops() const { return ops_; }
  bool contains(int node) const { return position(node) >= 0; }
  /// -1 if the node is no op of the forward pass.
  int position(int node) const { return position_[static_cast<std::size_t>(node)]; }

  /// The value whose memory a value is, which is itself unless an op only views it or updates a variable.
  Value root(Value value) const;
  /// Of a root: the position of the last op that reads it or a view of it; that of its own op if there is
  /// none.
  int last_reader(Value root) const { return of(root).last_reader; }
  /// Of a root: whether an op behind the forward pass reads it or a view of it.
  bool is_read_by_backward(Value root) const { return of(root).read_by_backward; }
  /// Of a root: whether it is there throughout: an input, variable, constant or output of the graph, or a
  /// value of an op that must run once.
  bool stays(Value root) const { return of(root).stays; }

 private:
  struct Use {
    Value root;
    int last_reader = -1;
    bool read_by_backward = false, stays = false;
  };
  const Use& of(Value value) const {
    return uses_[static_cast<std::size_t>(value.node)][static_cast<std::size_t>(value.output)];
  }
  Use& of(Value value) {
    return uses_[static_cast<std::size_t>(value.node)][static_cast<std::size_t>(value.output)];
  }
  void find_roots(int node);

  const Graph& graph_;
  std::vector<int> ops_;
  std::vector<int> position_;           // [node]
  std::vector<std::vector<Use>> uses_;  // [node][output]
};

}  // namespace slipway
