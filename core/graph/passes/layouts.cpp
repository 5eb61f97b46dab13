#include <algorithm>
#include <map>
#include <set>

#include "core/graph/passes/passes.h"
#include "core/graph/passes/rewriter.h"

namespace slipway {
namespace {

using FixedLayouts = std::function<std::optional<Layout>(const std::string&)>;

class LayoutPass {
 public:
  LayoutPass(const Graph& graph, const Stream& stream, const StructuralOps& ops, const FixedLayouts& fixed)
      : rewrite_(graph), stream_(stream), ops_(ops), fixed_(fixed) {}

  Graph run() && {
    for (int i = 0; i < static_cast<int>(from().nodes().size()); ++i) {
      const Node& node = from().node(i);
      if (node.kind == NodeKind::op)
        visit(i);
      else
        rewrite_.copy(i);
      if (node.kind == NodeKind::variable && fixed_) {
        const Value value = rewrite_({i, 0});
        if (const auto layout = fixed_(node.name)) {
          to().set_layout(value, *layout);
          settled_.insert(value);
        }
      }
    }
    return std::move(rewrite_).finish();
  }

 private:
  const Graph& from() const { return rewrite_.from(); }
  Graph& to() { return rewrite_.to(); }

  /// The value in a layout: itself, a variable that takes it, or a reorder (made once).
  Value in_layout(Value value, const Layout& layout, const std::string& name) {
    const bool is_variable = to().node(value.node).kind == NodeKind::variable;
    const bool settled = !is_variable || !settled_.insert(value).second;
    if (same(to().type(value), layout)) return value;
    if (!settled) {
      to().set_layout(value, layout);
      return value;
    }
    for (const auto& [known, reordered] : reorders_[value]) {
      if (known == layout) return reordered;
    }
    const Value reordered = to().add(ops_.reorder(layout), {value}, name);
    to().set_layout(reordered, layout);
    reorders_[value].emplace_back(layout, reordered);
    return reordered;
  }

  static bool same(const ValueType& type, const Layout& layout) {
    return type.layout == layout || (type.is_row_major() && layout.is_row_major(type.shape));
  }

  void visit(int index) {
    const Node& node = from().node(index);
    std::vector<ValueType> inputs;
    for (const Value input : rewrite_(node.inputs)) inputs.push_back(to().type(input));
    const LayoutChoice choice = choose(*node.op, inputs, node.outputs);
    std::vector<Value> arranged;
    for (std::size_t k = 0; k < inputs.size(); ++k) {
      arranged.push_back(in_layout(rewrite_(node.inputs[k]), choice.inputs[k], node.name));
    }
    const int now = rewrite_.copy(index);
    to().set_inputs(now, std::move(arranged));
    for (int k = 0; k < static_cast<int>(node.outputs.size()); ++k) {
      to().set_layout({now, k}, choice.outputs[static_cast<std::size_t>(k)]);
    }
  }

  LayoutChoice choose(const Op& op, const std::vector<ValueType>& inputs,
                      const std::vector<ValueType>& outputs) {
    LayoutChoice choice;
    for (const ValueType& type : inputs) choice.inputs.push_back(Layout::row_major(type.shape));
    for (const ValueType& type : outputs) choice.outputs.push_back(Layout::row_major(type.shape));
    switch (op.layout_rule()) {
      case LayoutRule::row_major:
        return choice;
      case LayoutRule::chosen:
        return op.choose_layouts(stream_, inputs, outputs);
      case LayoutRule::elementwise: {
        const Shape shape = outputs[0].shape;
        const bool uniform = std::all_of(inputs.begin(), inputs.end(), [&](const ValueType& type) {
          return type.shape == shape || type.elements() == 1;
        });
        if (uniform)
          follow(leader(inputs, shape.rank()), inputs, outputs, choice,
                 [&](const ValueType& type) { return type.shape == shape; });
        return choice;
      }
      case LayoutRule::channels: {
        const int rank = inputs[0].shape.rank();
        follow(leader(inputs, rank), inputs, outputs, choice,
               [&](const ValueType& type) { return type.shape.rank() == rank; });
        return choice;
      }
    }
    return choice;
  }

  /// The first input of that rank that is not row-major, else null.
  static const ValueType* leader(const std::vector<ValueType>& inputs, int rank) {
    for (const ValueType& type : inputs) {
      if (type.shape.rank() == rank && !type.is_row_major()) return &type;
    }
    return nullptr;
  }

  template <class Follows>
  static void follow(const ValueType* leader, const std::vector<ValueType>& inputs,
                     const std::vector<ValueType>& outputs, LayoutChoice& choice, Follows follows) {
    if (!leader) return;
    for (std::size_t k = 0; k < inputs.size(); ++k) {
      if (follows(inputs[k])) choice.inputs[k] = leader->layout.like(leader->shape, inputs[k].shape);
    }
    for (std::size_t k = 0; k < outputs.size(); ++k) {
      if (follows(outputs[k])) choice.outputs[k] = leader->layout.like(leader->shape, outputs[k].shape);
    }
  }

  GraphRewriter rewrite_;
  const Stream& stream_;
  const StructuralOps& ops_;
  const FixedLayouts& fixed_;
  std::set<Value> settled_;  // variables whose layout must not change any more
  std::map<Value, std::vector<std::pair<Layout, Value>>> reorders_;
};

}  // namespace

Graph assign_layouts(const Graph& graph, const Stream& stream, const StructuralOps& ops,
                     const FixedLayouts& fixed) {
  return LayoutPass(graph, stream, ops, fixed).run();
}

}  // namespace slipway
