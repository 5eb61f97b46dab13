#include <gtest/gtest.h>

#include <algorithm>

#include "kernels/conv2d.h"
#include "kernels/linear.h"
#include "tools/train/data_source.h"
#include "tools/train/training_program.h"
#include "tools/train/workloads.h"

namespace slipway::test {
namespace {

/// What a training step of a workload does besides the mathematics.
struct Reorders {
  int of_variables = 0, of_gradients_of_variables = 0, of_activations = 0;
};

Reorders count_reorders(const std::string& workload, Graph& graph) {
  RunConfig config = parse_run_config(find_workload(workload).yaml, workload);
  DataSource source(config, ".");
  const Model model(config, *source.pipeline());
  constexpr std::int64_t kBatch = 2;  // the choice must not depend on it
  TrainingProgram program(model, {.threads = 1}, kBatch);
  graph = program.executor(kBatch, TrainingProgram::Phase::update).graph();
  Reorders reorders;
  for (const Node& node : graph.nodes()) {
    if (!node.op || node.op->name() != "reorder") continue;
    const NodeKind source_kind = graph.node(node.inputs[0].node).kind;
    if (source_kind == NodeKind::variable)
      ++reorders.of_variables;
    else if (node.name.ends_with("weight.grad") || node.name.ends_with("bias.grad"))
      ++reorders.of_gradients_of_variables;
    else
      ++reorders.of_activations;
  }
  return reorders;
}

int count(const Graph& graph, std::string_view op) {
  return static_cast<int>(std::count_if(graph.nodes().begin(), graph.nodes().end(),
                                        [&](const Node& node) { return node.op && node.op->name() == op; }));
}

template <class... Args>
bool is_second_best(const OpState* kernel) {
  const auto check = [](const auto* prepared) {
    return prepared && (prepared->packs_weight() || prepared->is_reference());
  };
  return (check(dynamic_cast<const PreparedKernel<Args>*>(kernel)) || ...);
}

/// The ops of a training step whose kernels copy a weight into another layout in every run, or are a
/// library's plain loops.
std::vector<std::string> slow_ops(const Graph& graph, const Stream& stream) {
  std::vector<std::string> found;
  for (const Node& node : graph.nodes()) {
    if (!node.op) continue;
    std::vector<ValueType> inputs;
    for (const Value input : node.inputs) inputs.push_back(graph.type(input));
    PrepareContext context{.stream = stream, .inputs = inputs, .outputs = node.outputs};
    const std::unique_ptr<OpState> kernel = node.op->prepare(context);
    if (is_second_best<Conv2dArgs, Conv2dBackwardDataArgs, Conv2dBackwardWeightsArgs, LinearArgs,
                       LinearBackwardDataArgs, LinearBackwardWeightsArgs>(kernel.get())) {
      found.push_back(text(node.op->name(), ' ', node.name, ' ', node.outputs[0]));
    }
  }
  return found;
}

TEST(WorkloadLayouts, NoKernelRearrangesWeightsOrIsAReference) {
  for (const Workload& workload : workloads()) {
    RunConfig config = parse_run_config(workload.yaml, workload.name);
    DataSource source(config, ".");
    const Model model(config, *source.pipeline());
    for (const Stream& stream : {Stream{.threads = 1}, Stream{.threads = 2, .deterministic = true}}) {
      TrainingProgram program(model, stream, config.train.batch_size);
      const Executor& executor = program.executor(config.train.batch_size, TrainingProgram::Phase::update);
      EXPECT_EQ(slow_ops(executor.graph(), stream), std::vector<std::string>()) << workload.name;
    }
  }
}

TEST(WorkloadLayouts, MnistCnnReordersAtTheFlatteningOnly) {
  Graph graph;
  const Reorders reorders = count_reorders("mnist_cnn", graph);
  EXPECT_EQ(reorders.of_variables, 0) << graph;
  EXPECT_EQ(reorders.of_gradients_of_variables, 0) << graph;
  EXPECT_LE(reorders.of_activations, 2) << graph;  // forth and back
  EXPECT_EQ(count(graph, "relu"), 0) << graph;  // each is part of the convolution or linear layer before it
}

TEST(WorkloadLayouts, ResnetReordersNothing) {
  Graph graph;
  const Reorders reorders = count_reorders("resnet18_cifar", graph);
  EXPECT_EQ(reorders.of_variables, 0) << graph;
  EXPECT_EQ(reorders.of_gradients_of_variables, 0) << graph;
  EXPECT_EQ(reorders.of_activations, 0) << graph;
  EXPECT_EQ(count(graph, "relu"), 0) << graph;           // part of the batch normalisation before it
  EXPECT_EQ(count(graph, "relu_gradient"), 9) << graph;  // eight blocks and the stem, where paths meet
  EXPECT_EQ(count(graph, "add"), 0) << graph;
}

TEST(WorkloadLayouts, MlpReordersNothing) {
  Graph graph;
  const Reorders reorders = count_reorders("mlp", graph);
  EXPECT_EQ(reorders.of_variables + reorders.of_gradients_of_variables + reorders.of_activations, 0) << graph;
}

}  // namespace
}  // namespace slipway::test
