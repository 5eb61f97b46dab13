#include "tools/train/model.h"

#include <algorithm>

#include "core/base/glob.h"
#include "layers/ops/collective.h"
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
  return Scope(graph, {.mode = options.mode,
                       .dtype = options.dtype,
                       .seed = static_cast<std::uint64_t>(config_.seed),
                       .shard = options.shard});
}

Model::Forward Model::forward(const Options& options) const {
  Forward forward;
  const Scope root = scope(forward.graph, options);
  const Feature& feature = pipeline_.batch().inputs[0];
  forward.input =
      forward.graph.input(feature.name, {feature.dtype, feature.shape.inserted(0, options.rows())});
  Value batch = forward.input;
  if (const std::optional<std::size_t> found = pipeline_.regions_of(0)) {
    const Feature& regions = pipeline_.batch()[*found];
    const ValueType type(regions.dtype, regions.shape.inserted(0, options.rows()));
    batch = take_regions(root, batch, forward.graph.input(regions.name, type), pipeline_.region_steps(0));
  }
  forward.prepared = preprocess(root, batch, pipeline_.steps(0));
  forward.output = config_.model.build(root, forward.prepared);
  return forward;
}

Model::Evaluation Model::evaluation(const Options& options) const {
  Evaluation model{forward(options), {}, {}};
  add_loss(scope(model.graph, options), model);
  Value loss = model.loss;
  if (options.shard) {
    model.graph.output(kContribution, loss);
    loss = model.graph.add(sum_over_parts(*options.shard, "the loss"), {loss}, "loss");
  }
  model.graph.output("loss", loss);
  model.graph.output("output", model.output);
  return model;
}

void Model::add_loss(const Scope& scope, Evaluation& model) const {
  const Feature& feature = pipeline_.batch().target();
  const bool reconstructs = pipeline_.batch().targets.empty();
  const ValueType& prepared = scope.type(model.prepared);
  const ValueType type =
      reconstructs ? prepared : ValueType(feature.dtype, feature.shape.inserted(0, prepared.shape[0]));
  scope.attempt(config_.loss.where, config_.loss.name, [&] {
    const ValueType expected = config_.loss->target_type(scope.type(model.output));
    require(expected.dtype == type.dtype && expected.shape == type.shape, "for an output of type ",
            scope.type(model.output), " the target must be ", expected, ", but the dataset's '", feature.name,
            "' is ", type);
    model.target = reconstructs ? model.prepared : scope.graph().input(feature.name, type);
    model.loss = config_.loss->build(scope.child("loss"), model.output, model.target);
  });
}

std::vector<std::vector<Value>> Model::add_metrics(const Scope& scope, const Evaluation& model) const {
  std::vector<std::vector<Value>> sums;
  for (const Slot<Metric>& metric : config_.metrics) {
    sums.emplace_back();
    if (!metric || metric->flawed) continue;  // reported by whoever read the configuration
    scope.attempt(metric.where, metric.name,
                  [&] { sums.back() = metric->build(scope.child(metric.name), model.output, model.target); });
  }
  return sums;
}

void Model::check(ConfigErrors& errors) const {
  const Options options{.mode = Mode::training, .batch_size = config_.train.batch_size};
  Evaluation model;
  const Scope scope = this->scope(model.graph, options).reporting_to(errors);
  const Feature& seen = pipeline_.model().inputs[0];
  model.prepared = model.graph.input(seen.name, {is_floating(seen.dtype) ? options.dtype : seen.dtype,
                                                 seen.shape.inserted(0, options.batch_size)});
  try {
    model.output = config_.model.build(scope, model.prepared);
  } catch (const AlreadyReported&) {
    return;
  }
  if (!config_.loss || config_.loss->flawed) return;
  add_loss(scope, model);
  if (model.target) add_metrics(scope, model);
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
