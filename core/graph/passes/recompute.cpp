#include "core/graph/passes/recompute.h"

#include <algorithm>

#include "core/graph/passes/rewriter.h"
#include "core/graph/passes/segments.h"

namespace slipway {
namespace {

/// Computes the values of all ops before a position again; from there on they are kept.
class Recompute {
 public:
  Recompute(const ForwardPart& forward, const Segments& segments, int end)
      : forward_(forward), segments_(segments), end_(end), rewrite_(forward.graph()) {}

  Graph run() && {
    for (int i = 0; i < static_cast<int>(from().nodes().size()); ++i) {
      if (from().node(i).kind != NodeKind::op || i <= forward_.ops().back()) {
        rewrite_.copy(i);
        continue;
      }
      std::vector<Value> inputs = again(from().node(i).inputs);
      rewrite_.to().set_inputs(rewrite_.copy(i), std::move(inputs));
    }
    return std::move(rewrite_).finish();
  }

 private:
  const Graph& from() const { return forward_.graph(); }

  int segment(int position) const {
    return static_cast<int>(std::upper_bound(segments_.begin(), segments_.end(), position) -
                            segments_.begin());
  }

  bool is_kept(Value value) const {
    const Value root = forward_.root(value);
    const int position = forward_.position(root.node);
    if (forward_.stays(root) || position >= end_) return true;
    if (segment(position) != segment(forward_.last_reader(root))) return true;
    const auto special = from().node(value.node).op->recomputation();
    return special && std::count(special->outputs.begin(), special->outputs.end(), value.output) == 0;
  }

  std::vector<Value> again(const std::vector<Value>& values) {
    std::vector<Value> result;
    for (const Value value : values) result.push_back(again(value));
    return result;
  }

  /// The value where the backward pass reads it.
  Value again(Value value) {
    if (is_kept(value)) return rewrite_(value);
    const auto known = copies_.find(value);
    if (known != copies_.end()) return known->second;
    Node node = from().node(value.node);
    node.name += ".again";
    const auto special = node.op->recomputation();
    if (!special) {
      node.inputs = again(node.inputs);
      const int now = rewrite_.to().append(std::move(node));
      for (int k = 0; k < static_cast<int>(from().node(value.node).outputs.size()); ++k)
        copies_[{value.node, k}] = {now, k};
      return copies_[value];
    }
    std::vector<Value> inputs;
    for (const Recomputation::Operand& operand : special->operands) {
      inputs.push_back(operand.of == Recomputation::Of::inputs
                           ? again(node.inputs[static_cast<std::size_t>(operand.index)])
                           : rewrite_({value.node, operand.index}));
    }
    node.op = special->op;
    node.inputs = std::move(inputs);
    node.outputs.clear();
    for (const int output : special->outputs) node.outputs.push_back(from().type({value.node, output}));
    const int now = rewrite_.to().append(std::move(node));
    for (int k = 0; k < static_cast<int>(special->outputs.size()); ++k)
      copies_[{value.node, special->outputs[static_cast<std::size_t>(k)]}] = {now, k};
    return copies_[value];
  }

  const ForwardPart& forward_;
  const Segments& segments_;
  int end_;
  GraphRewriter rewrite_;
  std::map<Value, Value> copies_;
};

struct Variant {
  Graph graph;
  std::size_t bytes;
};

/// Computes segments again from the first one on; from the last one on they are kept, until that takes more
/// memory.
Variant recompute_segments(const ForwardPart& forward, const Segments& segments,
                           const RecomputeOptions& options) {
  const auto variant = [&](int end) {
    Graph graph = Recompute(forward, segments, end).run();
    const std::size_t bytes = options.memory(graph);
    return Variant{std::move(graph), bytes};
  };
  Variant best = variant(static_cast<int>(forward.ops().size()));
  for (std::size_t s = segments.size(); s-- > 0;) {
    Variant fewer = variant(segments[s]);
    if (fewer.bytes > best.bytes) break;
    best = std::move(fewer);
  }
  return best;
}

}  // namespace

Graph recompute(const Graph& graph, const RecomputeOptions& options) {
  if (options.keep == RecomputeOptions::Keep::everything) return graph;
  const ForwardPart forward(graph, options.loss);
  if (forward.ops().empty()) return graph;
  Variant best = recompute_segments(forward, block_segments(forward), options);
  if (options.keep == RecomputeOptions::Keep::block_boundaries) return std::move(best.graph);
  // Gradients take memory too, of which smallest_segments knows nothing.
  for (const double slack : {1.0, 1.25, 1.5, 2.0}) {
    Variant other = recompute_segments(forward, smallest_segments(forward, slack), options);
    if (other.bytes < best.bytes) best = std::move(other);
  }
  return std::move(best.graph);
}

}  // namespace slipway
