#include <algorithm>
#include <set>

#include "core/graph/passes/passes.h"
#include "core/graph/passes/rewriter.h"

namespace slipway {
namespace {

class PrecisionPass {
 public:
  PrecisionPass(const Graph& graph, DType reduced, const StructuralOps& ops)
      : rewrite_(graph), reduced_(reduced), ops_(ops) {}

  Graph run() && {
    for (int i = 0; i < static_cast<int>(from().nodes().size()); ++i) {
      if (from().node(i).kind == NodeKind::op) {
        visit(i);
      } else {
        rewrite_.copy(i);
        free_.insert({i, 0});
      }
    }
    for (const auto& [name, value] : from().outputs()) {
      rewrite_.set(value, in(value, DType::float32, from().node(value.node).name));
    }
    to().set_position({});
    return std::move(rewrite_).finish();
  }

 private:
  const Graph& from() const { return rewrite_.from(); }
  Graph& to() { return rewrite_.to(); }
  /// Values of other types, such as labels and float64, are none of this pass's business.
  bool concerns(Value old) const { return from().type(old).dtype == DType::float32; }

  /// The new value of an old one in a type: as it was computed, or cast, once for all its readers. The cast
  /// carries the name of the first.
  Value in(Value old, DType dtype, const std::string& reader) {
    const Value computed = rewrite_(old);
    if (!concerns(old) || to().type(computed).dtype == dtype) return computed;
    Value& cast = casts_[old];
    if (!cast) cast = to().add(ops_.cast(dtype), {computed}, reader);
    return cast;
  }

  void visit(int index) {
    const Node& node = from().node(index);
    const bool reduced = is_reduced(node);
    to().set_position(node.where);
    Node now = node;
    std::vector<ValueType> types;
    for (std::size_t k = 0; k < node.inputs.size(); ++k) {
      const bool full = node.op->input_precision(static_cast<int>(k)) == InputPrecision::full || !reduced;
      now.inputs[k] = in(node.inputs[k], full ? DType::float32 : reduced_, node.name);
      types.push_back(to().type(now.inputs[k]));
    }
    now.outputs = node.op->infer(types);
    const int place = to().append(std::move(now));
    for (int k = 0; k < static_cast<int>(node.outputs.size()); ++k) {
      rewrite_.set({index, k}, {place, k});
      if (!reduced && moves_free_values(node)) free_.insert({index, k});
    }
  }

  /// Whether an op computes in the reduced type: if it wants to, or if all that it follows arrives so. What
  /// nothing was computed for yet, such as a bias that is added, adapts.
  bool is_reduced(const Node& node) {
    bool follows_reduced = false;
    for (std::size_t k = 0; k < node.inputs.size(); ++k) {
      if (!concerns(node.inputs[k])) continue;
      const InputPrecision precision = node.op->input_precision(static_cast<int>(k));
      if (precision == InputPrecision::reduced) return true;
      if (precision == InputPrecision::full || free_.contains(node.inputs[k])) continue;
      if (to().type(rewrite_(node.inputs[k])).dtype != reduced_) return false;
      follows_reduced = true;
    }
    return follows_reduced;
  }

  /// Whether all that an op reads is free and would be followed: an expanded bias is as free as the bias.
  bool moves_free_values(const Node& node) const {
    for (std::size_t k = 0; k < node.inputs.size(); ++k) {
      if (node.op->input_precision(static_cast<int>(k)) != InputPrecision::follows) return false;
      if (!free_.contains(node.inputs[k])) return false;
    }
    return true;
  }

  GraphRewriter rewrite_;
  DType reduced_;
  const StructuralOps& ops_;
  std::set<Value> free_;          // old values that follow whoever reads them
  std::map<Value, Value> casts_;  // of old values, from the type in which they were computed to the other
};

}  // namespace

Graph lower_precision(const Graph& graph, DType reduced, const StructuralOps& ops) {
  return PrecisionPass(graph, reduced, ops).run();
}

}  // namespace slipway
