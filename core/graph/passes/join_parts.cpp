#include "core/graph/passes/passes.h"
#include "core/graph/passes/rewriter.h"

namespace slipway {
namespace {

class PartJoiner {
 public:
  explicit PartJoiner(const std::vector<Graph>& parts) {
    for (const Graph& part : parts) {
      require(part.nodes().size() == parts[0].nodes().size(), "join_parts: a part has ", part.nodes().size(),
              " nodes, the first has ", parts[0].nodes().size());
      rewrites_.emplace_back(part);
    }
  }

  Graph run() && {
    for (int i = 0; i < static_cast<int>(first().nodes().size()); ++i) join(i);
    for (std::size_t k = 0; k < rewrites_.size(); ++k) {
      for (const auto& [name, value] : rewrites_[k].from().outputs())
        graph_.output(part_name(name, static_cast<int>(k)), rewrites_[k](value));
    }
    for (const VariableUpdate& update : first().updates())
      graph_.update(rewrites_[0](update.variable), rewrites_[0](update.result));
    return std::move(graph_);
  }

 private:
  const Graph& first() const { return rewrites_[0].from(); }

  /// Node i of each part.
  void join(int i) {
    const Node& model = first().node(i);
    std::vector<Node> nodes;
    bool alike = true;  // whether all parts compute the same from the same
    for (const GraphRewriter& rewrite : rewrites_) {
      Node node = rewrite.from().node(i);
      require(node.kind == model.kind && node.name == model.name && (!node.op || same_kind(node, model)),
              "join_parts: node ", i, " is '", node.name, "', that of the first part '", model.name, "'");
      node.inputs = rewrite(node.inputs);
      alike &= nodes.empty() || (node.inputs == nodes[0].inputs && node.outputs == nodes[0].outputs &&
                                 (!node.op || node.op->attributes() == model.op->attributes()));
      nodes.push_back(std::move(node));
    }
    if (model.op && model.op->joins_parts()) {
      for (std::size_t k = 1; k < nodes.size(); ++k)
        nodes[0].inputs.insert(nodes[0].inputs.end(), nodes[k].inputs.begin(), nodes[k].inputs.end());
      return append_once(i, std::move(nodes[0]));
    }
    if (model.kind != NodeKind::input && alike) return append_once(i, std::move(nodes[0]));
    for (std::size_t k = 0; k < nodes.size(); ++k) {
      if (model.kind == NodeKind::input) nodes[k].name = part_name(model.name, static_cast<int>(k));
      note(k, i, graph_.append(std::move(nodes[k])));
    }
  }

  static bool same_kind(const Node& a, const Node& b) { return a.op->name() == b.op->name(); }

  void append_once(int i, Node node) {
    const int index = graph_.append(std::move(node));
    for (std::size_t k = 0; k < rewrites_.size(); ++k) note(k, i, index);
  }
  void note(std::size_t part, int old, int index) {
    for (int output = 0; output < static_cast<int>(graph_.node(index).outputs.size()); ++output)
      rewrites_[part].set({old, output}, {index, output});
  }

  std::vector<GraphRewriter> rewrites_;  // only their maps are used
  Graph graph_;
};

}  // namespace

std::string part_name(const std::string& name, int part) { return part == 0 ? name : text(name, '#', part); }

Graph join_parts(const std::vector<Graph>& parts) {
  return parts.size() == 1 ? parts[0] : PartJoiner(parts).run();
}

}  // namespace slipway
