#include <algorithm>

#include "core/graph/passes/passes.h"
#include "core/graph/passes/rewriter.h"
#include "core/graph/shared_producer.h"

namespace slipway {
namespace {

/// Whose outputs the fused op has.
enum class Outputs {
  of_producer,  // with the one that was read replaced by the consumer's
  of_consumer,
  of_both  // the consumer's, then the producer's
};

struct Match {
  int producer = -1;
  int output = 0;  // of the producer
  int input = 0;   // of the consumer
  OpPtr fused;
  Outputs outputs = Outputs::of_consumer;
};

/// The earliest reader of any output of a node.
int first_reader(const Graph& graph, int node) {
  for (int i = node + 1; i < static_cast<int>(graph.nodes().size()); ++i) {
    for (const Value input : graph.node(i).inputs) {
      if (input.node == node) return i;
    }
  }
  return static_cast<int>(graph.nodes().size());
}

/// The inputs of the fused node, still in the old graph.
std::vector<Value> fused_inputs(const Graph& graph, int consumer, const Match& match) {
  std::vector<Value> inputs = graph.node(match.producer).inputs;
  const std::vector<Value>& others = graph.node(consumer).inputs;
  for (int k = 0; k < static_cast<int>(others.size()); ++k) {
    if (k != match.input) inputs.push_back(others[static_cast<std::size_t>(k)]);
  }
  return inputs;
}

/// The outputs of the fused node.
std::vector<ValueType> fused_outputs(const Graph& graph, int consumer, const Match& match) {
  const std::vector<ValueType>&first = graph.node(match.producer).outputs,
        &second = graph.node(consumer).outputs;
  std::vector<ValueType> types = match.outputs == Outputs::of_producer ? first : second;
  if (match.outputs == Outputs::of_producer) types[static_cast<std::size_t>(match.output)] = second[0];
  if (match.outputs == Outputs::of_both) types.push_back(first[0]);
  return types;
}

/// Whether the fused op takes the types of its inputs and gives those of the outputs that it replaces: ops
/// offer a fusion without knowing shapes, as of an addition that may broadcast.
bool fits(const Graph& graph, int consumer, const Match& match) {
  std::vector<ValueType> types;
  for (const Value input : fused_inputs(graph, consumer, match)) types.push_back(graph.type(input));
  try {
    return match.fused->infer(types) == fused_outputs(graph, consumer, match);
  } catch (const Error&) {
    return false;
  }
}

/// The fusion with a producer whose value others read as well.
Match find_shared(const Graph& graph, int consumer, int input) {
  const Node& node = graph.node(consumer);
  const Value value = node.inputs[static_cast<std::size_t>(input)];
  const auto* op = dynamic_cast<const FusesSharedProducer*>(node.op.get());
  if (!op || graph.node(value.node).outputs.size() != 1 || first_reader(graph, value.node) != consumer ||
      std::count(node.inputs.begin(), node.inputs.end(), value) != 1)
    return {};
  Match match{value.node, value.output, input, op->fuse_shared_producer(*graph.node(value.node).op, input),
              Outputs::of_both};
  return match.fused && fits(graph, consumer, match) ? match : Match{};
}

Match find_match(const Graph& graph, int consumer, const std::vector<std::vector<int>>& uses) {
  const Node& node = graph.node(consumer);
  for (int k = 0; k < static_cast<int>(node.inputs.size()); ++k) {
    const Value value = node.inputs[static_cast<std::size_t>(k)];
    const Node& producer = graph.node(value.node);
    if (producer.kind != NodeKind::op) continue;
    if (uses[static_cast<std::size_t>(value.node)][static_cast<std::size_t>(value.output)] != 1) {
      if (Match match = find_shared(graph, consumer, k); match.fused) return match;
      continue;
    }
    if (node.outputs.size() == 1 && first_reader(graph, value.node) == consumer) {
      if (OpPtr fused = producer.op->fuse_consumer(value.output, *node.op, k)) {
        Match match{value.node, value.output, k, std::move(fused), Outputs::of_producer};
        if (fits(graph, consumer, match)) return match;
      }
    }
    if (producer.outputs.size() == 1) {
      if (OpPtr fused = node.op->fuse_producer(*producer.op, k)) {
        Match match{value.node, value.output, k, std::move(fused), Outputs::of_consumer};
        if (fits(graph, consumer, match)) return match;
      }
    }
  }
  return {};
}

/// Replaces `consumer` by the fused op and drops the producer.
Graph apply(const Graph& graph, int consumer, const Match& match) {
  GraphRewriter rewrite(graph);
  for (int i = 0; i < static_cast<int>(graph.nodes().size()); ++i) {
    if (i == match.producer) continue;
    if (i != consumer) {
      rewrite.copy(i);
      continue;
    }
    const Node& second = graph.node(consumer);
    const Node& first = graph.node(match.producer);
    Node fused = match.outputs == Outputs::of_producer ? first : second;
    fused.op = match.fused;
    fused.inputs = rewrite(fused_inputs(graph, consumer, match));
    fused.outputs = fused_outputs(graph, consumer, match);
    const int index = rewrite.to().append(std::move(fused));
    if (match.outputs == Outputs::of_producer) {
      for (int k = 0; k < static_cast<int>(first.outputs.size()); ++k)
        rewrite.set({match.producer, k}, {index, k});
      rewrite.set({consumer, 0}, {index, match.output});
    } else {
      for (int k = 0; k < static_cast<int>(second.outputs.size()); ++k)
        rewrite.set({consumer, k}, {index, k});
      if (match.outputs == Outputs::of_both)
        rewrite.set({match.producer, 0}, {index, static_cast<int>(second.outputs.size())});
    }
  }
  return std::move(rewrite).finish();
}

}  // namespace

Graph fuse(const Graph& graph) {
  Graph current = graph;
  std::vector<std::vector<int>> uses = count_uses(current);
  for (int i = 0; i < static_cast<int>(current.nodes().size());) {
    Match match;
    if (current.node(i).kind == NodeKind::op) match = find_match(current, i, uses);
    if (match.fused) {
      current = apply(current, i, match);
      uses = count_uses(current);
      i -= 1;  // the fused node took one place less; look at it again
    } else {
      ++i;
    }
  }
  return current;
}

}  // namespace slipway
