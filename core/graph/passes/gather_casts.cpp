#include <optional>
#include <set>

#include "core/graph/passes/passes.h"
#include "core/graph/passes/rewriter.h"

namespace slipway {
namespace {

/// The casts that one op can make together.
struct Gathered {
  DType from = DType::float32, to = DType::float32;
  std::vector<int> nodes;
};

class CastGatherer {
 public:
  CastGatherer(const Graph& graph, const StructuralOps& ops) : rewrite_(graph), ops_(ops) { find(); }

  Graph run() && {
    for (const Gathered& gathered : groups_) append(gathered);
    for (int i = 0; i < static_cast<int>(from().nodes().size()); ++i) {
      if (!rewrite_.has({i, 0})) rewrite_.copy(i);
    }
    return std::move(rewrite_).finish();
  }

 private:
  const Graph& from() const { return rewrite_.from(); }

  /// A variable that an op of this graph changes would have to be cast at its own time.
  void find() {
    std::set<Value> changed;
    for (const VariableUpdate& update : from().updates()) changed.insert(update.variable);
    for (int i = 0; i < static_cast<int>(from().nodes().size()); ++i) {
      const Node& node = from().node(i);
      if (node.kind != NodeKind::op || node.inputs.size() != 1 || changed.contains(node.inputs[0])) continue;
      if (from().node(node.inputs[0].node).kind != NodeKind::variable) continue;
      const ValueType &before = from().type(node.inputs[0]), &after = node.outputs[0];
      const OpPtr cast = ops_.cast(after.dtype);
      if (node.op->name() != cast->name() || !is_floating(before.dtype) || !is_floating(after.dtype))
        continue;
      group(before.dtype, after.dtype).nodes.push_back(i);
    }
    std::erase_if(groups_, [](const Gathered& gathered) { return gathered.nodes.size() < 2; });
  }

  Gathered& group(DType before, DType after) {
    for (Gathered& known : groups_) {
      if (known.from == before && known.to == after) return known;
    }
    return groups_.emplace_back(Gathered{.from = before, .to = after, .nodes = {}});
  }

  void append(const Gathered& gathered) {
    Node together{.name = "parameters", .op = ops_.cast_all(gathered.to)};
    for (const int node : gathered.nodes) {
      const Value variable = from().node(node).inputs[0];
      if (!rewrite_.has(variable)) rewrite_.copy(variable.node);
      together.inputs.push_back(rewrite_(variable));
      together.outputs.push_back(from().node(node).outputs[0]);
    }
    const int place = rewrite_.to().append(std::move(together));
    for (int k = 0; k < static_cast<int>(gathered.nodes.size()); ++k) {
      rewrite_.set({gathered.nodes[static_cast<std::size_t>(k)], 0}, {place, k});
    }
  }

  GraphRewriter rewrite_;
  const StructuralOps& ops_;
  std::vector<Gathered> groups_;
};

}  // namespace

Graph gather_casts(const Graph& graph, const StructuralOps& ops) { return CastGatherer(graph, ops).run(); }

}  // namespace slipway
