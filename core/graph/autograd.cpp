#include "core/graph/autograd.h"

#include <map>

namespace slipway {
namespace {

/// For every node up to `last`: whether its value depends on any of `wrt`.
std::vector<bool> depends_on(const Graph& graph, int last, std::span<const Value> wrt) {
  std::vector<bool> depends(static_cast<std::size_t>(last) + 1, false);
  for (const Value value : wrt) {
    if (value.node <= last) depends[static_cast<std::size_t>(value.node)] = true;
  }
  for (int i = 0; i <= last; ++i) {
    for (const Value input : graph.node(i).inputs) {
      if (depends[static_cast<std::size_t>(input.node)]) depends[static_cast<std::size_t>(i)] = true;
    }
  }
  return depends;
}

}  // namespace

std::vector<Value> gradients(Graph& graph, Value loss, std::span<const Value> wrt, const StructuralOps& ops) {
  require(graph.type(loss).elements() == 1, "gradients: the loss must be a scalar, got ", graph.type(loss));
  const std::vector<bool> depends = depends_on(graph, loss.node, wrt);
  std::map<Value, Value> gradient;  // of each value reached so far
  if (depends[static_cast<std::size_t>(loss.node)]) {
    gradient[loss] = graph.add(ops.ones(graph.type(loss)), {}, "loss.grad");
  }

  for (int i = loss.node; i >= 0; --i) {
    if (graph.node(i).kind != NodeKind::op || !depends[static_cast<std::size_t>(i)]) continue;
    const std::vector<Value> inputs = graph.node(i).inputs;
    std::vector<Value> output_gradients;
    bool reached = false;
    for (int k = 0; k < static_cast<int>(graph.node(i).outputs.size()); ++k) {
      const auto found = gradient.find({i, k});
      output_gradients.push_back(found == gradient.end() ? Value{} : found->second);
      reached |= found != gradient.end();
    }
    if (!reached) continue;
    std::vector<bool> needed;
    for (const Value input : inputs) needed.push_back(depends[static_cast<std::size_t>(input.node)]);

    graph.set_position(graph.node(i).where);
    const OpPtr op = graph.node(i).op;
    VjpContext context(graph, i, std::move(output_gradients), needed);
    const std::vector<Value> input_gradients = op->vjp(context);
    require(input_gradients.size() == inputs.size(), op->name(), ": its vjp returned ",
            input_gradients.size(), " gradients for ", inputs.size(), " inputs");
    for (std::size_t k = 0; k < inputs.size(); ++k) {
      if (!needed[k] || !input_gradients[k]) continue;
      Value& sum = gradient[inputs[k]];
      sum = sum ? graph.add(ops.add, {sum, input_gradients[k]}, graph.node(inputs[k].node).name + ".grad")
                : input_gradients[k];
    }
  }
  graph.set_position({});

  std::vector<Value> result;
  for (const Value value : wrt) {
    const auto found = gradient.find(value);
    result.push_back(found == gradient.end() ? Value{} : found->second);
  }
  return result;
}

}  // namespace slipway
