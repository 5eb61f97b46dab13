#include "tools/train/model.h"

#include <algorithm>

#include "core/base/glob.h"
#include "tools/train/preprocess.h"

namespace slipway {

Model::Model(const RunConfig& config, const Pipeline& pipeline) : config_(config), pipeline_(pipeline) {
  const Schema& schema = pipeline.batch();
  require_user(schema.inputs.size() == 1 && schema.target_count() == 1, config.data.train.where,
               ": a model reads one input and one target, the dataset gives ", schema.inputs.size(), " and ",
               schema.target_count());
  for (std::size_t i = 0; i < schema.size(); ++i) {
    require_user(schema[i].is_fixed(), config.data.train.where, ": the size of ", schema[i],
                 " differs from sample to sample, expected a resize or crop among the transforms");
  }
}

Scope Model::scope(Graph& graph, const Options& options) const {
  return Scope(
      graph,
      {.mode = options.mode, .dtype = options.dtype, .seed = static_cast<std::uint64_t>(config_.seed)});
}

Model::Forward Model::forward(const Options& options) const {
  Forward forward;
  const Scope root = scope(forward.graph, options);
  const Feature& feature = pipeline_.batch().inputs[0];
  forward.input =
      forward.graph.input(feature.name, {feature.dtype, feature.shape.inserted(0, options.batch_size)});
  forward.prepared = preprocess(root, forward.input, pipeline_.steps(0));
  forward.output = config_.model.build(root, forward.prepared);
  forward.graph.set_position({});
  return forward;
}

Model::Evaluation Model::evaluation(const Options& options) const {
  Evaluation model{forward(options), {}, {}};
  Graph& graph = model.graph;
  const Feature& feature = pipeline_.batch().target();
  const bool reconstructs = pipeline_.batch().targets.empty();
  const ValueType type = reconstructs
                             ? graph.type(model.prepared)
                             : ValueType(feature.dtype, feature.shape.inserted(0, options.batch_size));
  const ValueType expected = config_.loss->target_type(graph.type(model.output));
  require_user(expected.dtype == type.dtype && expected.shape == type.shape, config_.loss.where, ": ",
               config_.loss.name, ": for an output of type ", graph.type(model.output),
               " the target must be ", expected, ", but the dataset's '", feature.name, "' is ", type);
  model.target = reconstructs ? model.prepared : graph.input(feature.name, type);
  const Scope scope = this->scope(graph, options);
  model.loss = config_.loss->build(scope.child("loss"), model.output, model.target);
  graph.output("loss", model.loss);
  graph.output("output", model.output);
  return model;
}

std::vector<Value> trainable_variables(const Graph& graph, const std::vector<std::string>& freeze) {
  std::vector<Value> values;
  for (int i = 0; i < static_cast<int>(graph.nodes().size()); ++i) {
    const Node& node = graph.node(i);
    if (node.kind != NodeKind::variable || !node.variable.trainable) continue;
    const bool frozen = std::any_of(freeze.begin(), freeze.end(), [&](const std::string& pattern) {
      return matches_glob(pattern, node.name);
    });
    if (!frozen) values.push_back({i, 0});
  }
  return values;
}

}  // namespace slipway
