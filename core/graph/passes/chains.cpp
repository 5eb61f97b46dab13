#include <algorithm>
#include <set>

#include "core/graph/passes/passes.h"
#include "core/graph/passes/rewriter.h"

namespace slipway {
namespace {

/// Nodes whose values only each other read, but for the last's; in the order of the graph.
struct Chain {
  std::vector<int> nodes;
  std::vector<Value> inputs;  // of the whole
  OpPtr op;
};

class ChainPass {
 public:
  ChainPass(const Graph& graph, const StructuralOps& ops) : graph_(graph), ops_(ops) {
    const std::size_t count = graph.nodes().size();
    readers_.resize(count);
    read_outside_.resize(count);
    taken_.resize(count);
    for (int i = 0; i < static_cast<int>(count); ++i) {
      for (const Value input : graph.node(i).inputs) readers_[at(input.node)].push_back(i);
    }
    for (const auto& [name, value] : graph.outputs()) read_outside_[at(value.node)] = true;
    for (const VariableUpdate& update : graph.updates()) {
      read_outside_[at(update.result.node)] = true;
      updated_[update.variable.node] = update.result.node;
    }
  }

  Graph run() && {
    std::map<int, Chain> chains;  // by their last node
    for (int i = static_cast<int>(graph_.nodes().size()) - 1; i >= 0; --i) {
      if (taken_[at(i)] || !is_candidate(i)) continue;
      Chain chain = grow(i);
      if (!chain.op) continue;
      for (const int node : chain.nodes) taken_[at(node)] = true;
      chains.emplace(i, std::move(chain));
    }
    GraphRewriter rewrite(graph_);
    for (int i = 0; i < static_cast<int>(graph_.nodes().size()); ++i) {
      const auto found = chains.find(i);
      if (found != chains.end()) {
        Node fused = graph_.node(i);
        fused.op = found->second.op;
        fused.inputs = rewrite(found->second.inputs);
        rewrite.set({i, 0}, {rewrite.to().append(std::move(fused)), 0});
      } else if (!taken_[at(i)]) {
        rewrite.copy(i);
      }
    }
    return std::move(rewrite).finish();
  }

 private:
  static std::size_t at(int node) { return static_cast<std::size_t>(node); }

  bool is_candidate(int node) const {
    const Node& candidate = graph_.node(node);
    return candidate.kind == NodeKind::op && candidate.outputs.size() == 1;
  }

  /// The longest chain that ends in a node; without op if that is the node alone.
  Chain grow(int last) const {
    std::set<int> nodes = {last}, producers;
    const auto add_producers = [&](int node) {
      for (const Value input : graph_.node(node).inputs) producers.insert(input.node);
    };
    Chain chain;
    if (!join(nodes).op) return chain;
    add_producers(last);
    while (!producers.empty()) {  // latest first: whoever might read a node has been looked at before
      const int node = *producers.rbegin();
      producers.erase(node);
      if (taken_[at(node)] || !is_candidate(node) || !belongs(node, nodes, last)) continue;
      nodes.insert(node);
      if (Chain longer = join(nodes); longer.op) {
        chain = std::move(longer);
        add_producers(node);
      } else {
        nodes.erase(node);
      }
    }
    return worthwhile(chain) ? chain : Chain{};
  }

  /// Whether a node can be computed where `last` is, element by element, and nowhere else.
  bool belongs(int node, const std::set<int>& chain, int last) const {
    const Node& candidate = graph_.node(node);
    const ValueType &type = candidate.outputs[0], &result = graph_.node(last).outputs[0];
    const bool is_number = candidate.inputs.empty() && type.elements() == 1;
    if (read_outside_[at(node)] || (type.shape != result.shape && !is_number)) return false;
    for (const Value input : candidate.inputs) {  // must hold the same there
      const auto updated = updated_.find(input.node);
      if (updated != updated_.end() && updated->second > node && updated->second < last) return false;
    }
    return std::all_of(readers_[at(node)].begin(), readers_[at(node)].end(),
                       [&](int reader) { return chain.contains(reader); });
  }

  /// At least two ops that do not only make a number.
  bool worthwhile(const Chain& chain) const {
    return std::count_if(chain.nodes.begin(), chain.nodes.end(),
                         [&](int node) { return !graph_.node(node).inputs.empty(); }) > 1;
  }

  /// The nodes as one op, if they can be.
  Chain join(const std::set<int>& nodes) const {
    Chain chain{.nodes = {nodes.begin(), nodes.end()}, .inputs = {}, .op = nullptr};
    std::vector<ChainMember> members;
    for (const int node : chain.nodes) {
      ChainMember member{.op = graph_.node(node).op.get(), .inputs = {}};
      for (const Value input : graph_.node(node).inputs) {
        const auto inside = std::find(chain.nodes.begin(), chain.nodes.end(), input.node);
        if (inside != chain.nodes.end()) {
          member.inputs.push_back(static_cast<int>(inside - chain.nodes.begin()));
          continue;
        }
        auto known = std::find(chain.inputs.begin(), chain.inputs.end(), input);
        if (known == chain.inputs.end()) known = chain.inputs.insert(known, input);
        member.inputs.push_back(-1 - static_cast<int>(known - chain.inputs.begin()));
      }
      members.push_back(std::move(member));
    }
    chain.op = ops_.chain(members);
    if (chain.op && !fits(chain)) chain.op = nullptr;
    return chain;
  }

  /// Whether the op takes the types of its inputs and gives that of the last node.
  bool fits(const Chain& chain) const {
    std::vector<ValueType> types;
    for (const Value input : chain.inputs) types.push_back(graph_.type(input));
    try {
      return chain.op->infer(types) == graph_.node(chain.nodes.back()).outputs;
    } catch (const Error&) {
      return false;
    }
  }

  const Graph& graph_;
  const StructuralOps& ops_;
  std::vector<std::vector<int>> readers_;
  std::vector<bool> read_outside_;  // by the graph's outputs or updates
  std::vector<bool> taken_;         // by a chain
  std::map<int, int> updated_;      // variables, by the node that updates them
};

}  // namespace

Graph fuse_chains(const Graph& graph, const StructuralOps& ops) { return ChainPass(graph, ops).run(); }

}  // namespace slipway
