#include "tools/train/training_program.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/base/glob.h"
#include "core/base/nearest.h"
#include "core/graph/autograd.h"
#include "core/graph/passes/passes.h"
#include "core/graph/passes/recompute.h"
#include "core/runtime/step_state.h"
#include "layers/ops/collective.h"
#include "layers/ops/pack.h"
#include "layers/ops/structural.h"
#include "optim/accumulation.h"
#include "optim/average.h"
#include "optim/clipping.h"

namespace slipway {
namespace {

constexpr const char* kGradientPrefix = "gradient:";
constexpr const char* kLoss = "loss";
constexpr const char* kGradientNorm = "gradient_norm";

/// A pattern that freezes nothing is a typing mistake.
void check_freeze_patterns(const Graph& graph, const TrainConfig& config) {
  for (const std::string& pattern : config.freeze) {
    std::vector<std::string> names;
    for (const Value value : trainable_variables(graph, {})) names.push_back(graph.node(value.node).name);
    const bool used = std::any_of(names.begin(), names.end(),
                                  [&](const std::string& name) { return matches_glob(pattern, name); });
    require_user(used, config.where, ": freeze: ", unknown_name("parameter", pattern, names));
  }
}

/// As the configuration's `recompute` says.
Graph recomputed(const Graph& graph, const TrainConfig& config) {
  using Keep = RecomputeOptions::Keep;
  const Keep keep = config.recompute == "blocks" ? Keep::block_boundaries
                    : config.recompute == "all"  ? Keep::segment_boundaries
                                                 : Keep::everything;
  const auto planned_bytes = [](const Graph& planned) {
    const std::vector<std::size_t> no_scratch(planned.nodes().size(), 0);
    return plan_memory(planned, no_scratch, MemoryReuse::shared).arena_bytes;
  };
  return recompute(graph, {.keep = keep, .loss = graph.outputs().at(kLoss), .memory = planned_bytes});
}

std::vector<TensorView> views(const std::vector<Tensor>& tensors) { return {tensors.begin(), tensors.end()}; }

/// Side by side, the figures of a step reach the host in one copy.
void pack_figures(Graph& graph) {
  std::vector<Value> figures;
  std::vector<std::int64_t> offsets;
  for (const char* name : {kLoss, kGradientNorm}) {
    if (!graph.outputs().contains(name)) continue;
    offsets.push_back(static_cast<std::int64_t>(figures.size()));
    figures.push_back(graph.drop_output(name));
  }
  const auto count = static_cast<std::int64_t>(figures.size());
  constexpr const char* name = TrainingProgram::kFigures;
  graph.output(name, graph.add(Pack(DType::float32, offsets, count), std::move(figures), name));
}

}  // namespace

Graph optimize(Graph graph, const Stream& stream, const Variables& variables, Fusion fusion) {
  graph = eliminate_dead_nodes(graph);
  if (fusion == Fusion::on) graph = fuse_chains(fuse(graph), structural_ops());
  graph = assign_layouts(graph, stream, structural_ops(),
                         [&](const std::string& name) { return variables.layout(name); });
  return gather_casts(graph, structural_ops());
}

TrainingProgram::TrainingProgram(const Model& model, const Stream& stream, std::int64_t batch_size,
                                 Communicator* ranks)
    : model_(model),
      stream_(stream),
      ranks_(ranks),
      precision_(parse_precision(model.config().precision)),
      variables_(stream),
      readback_(stream, Readback::kAlignment * static_cast<std::size_t>(model.config().train.accumulate)) {
  require_precision(stream.device, precision_, model.config().precision_where);
  executor(batch_size, Phase::update);
  for (const std::string& name : model_state_)
    remembered_.push_back({variables_[name], variables_[name].clone()});
}

std::vector<Value> TrainingProgram::arena_variables(const Graph& graph) const {
  std::vector<Value> values;
  for (const VariableArena::Member& member : arena_.members) values.push_back(graph.find(member.name));
  return values;
}

std::optional<BatchShard> TrainingProgram::shard(std::int64_t batch_size) const {
  if (!ranks_) return std::nullopt;
  return BatchShard{.ranks = *ranks_, .samples = batch_size};
}

TrainingProgram::Backward TrainingProgram::build_backward(std::int64_t batch_size, Fusion fusion) {
  const std::optional<BatchShard> part = shard(batch_size);
  const Model::Options options{
      .mode = Mode::training, .batch_size = batch_size, .shard = part ? &*part : nullptr};
  Model::Evaluation model = model_.evaluation(options);
  model.graph = in_precision(std::move(model.graph), precision_);
  model.loss = ranks_ ? model.graph.drop_output(Model::kContribution) : model.graph.outputs().at(kLoss);
  for (const Node& node : model.graph.nodes()) {
    if (node.kind != NodeKind::variable || StepState::owns(node.name)) continue;
    (node.variable.trainable ? parameters_ : model_state_).insert(node.name);
  }
  check_freeze_patterns(model.graph, model_.config().train);
  const std::vector<Value> trained = trainable_variables(model.graph, model_.config().train.freeze);
  require_user(!trained.empty(), model_.config().train.where,
               ": no parameter is left to train, expected at least one that `freeze` does not match");
  const std::optional<LossScaling> scaling = loss_scaling(model.graph);
  const Value loss = scaling ? scaling->scaled(model.loss) : model.loss;
  const std::vector<Value> gradient = gradients(model.graph, loss, trained, structural_ops());
  for (std::size_t i = 0; i < trained.size(); ++i) {
    if (gradient[i])
      model.graph.output(kGradientPrefix + model.graph.node(trained[i].node).name, gradient[i]);
  }
  Graph graph = optimize(std::move(model.graph), stream_, variables_, fusion);

  std::vector<std::pair<Value, Value>> pairs;  // gradient, variable
  const std::map<std::string, Value> outputs = graph.outputs();
  for (const auto& [name, value] : outputs) {
    if (!name.starts_with(kGradientPrefix)) continue;
    pairs.emplace_back(graph.drop_output(name), graph.find(name.substr(std::string(kGradientPrefix).size())));
  }
  std::sort(pairs.begin(), pairs.end());  // the order in which backward finishes them
  if (arena_.members.empty()) {
    std::vector<Value> order;
    for (const auto& [from, variable] : pairs) order.push_back(variable);
    arena_ = VariableArena::plan(graph, kParameters, order);
    variables_.allocate(arena_, graph);
  }
  std::vector<Value> parts;
  for (const Value variable : arena_variables(graph)) {
    const auto found =
        std::find_if(pairs.begin(), pairs.end(), [&](const auto& pair) { return pair.second == variable; });
    Value part = found->first;
    const Layout& layout = graph.type(variable).layout;
    if (graph.type(part).layout != layout) {
      part = graph.add(structural_ops().reorder(layout), {part}, graph.node(variable.node).name + ".grad");
      graph.set_layout(part, layout);
    }
    parts.push_back(part);
  }
  return {std::move(graph), std::move(parts)};
}

Graph TrainingProgram::build(std::int64_t batch_size, Phase phase) {
  Backward backward = build_backward(batch_size, Fusion::on);
  add_update(backward.graph, phase, pack(backward));
  variables_.allocate(backward.graph);
  Graph graph = recomputed(backward.graph, model_.config().train);
  pack_figures(graph);
  return graph;
}

/// The gradients in the order of the arena.
Value TrainingProgram::pack(Backward& backward) const {
  std::vector<std::int64_t> offsets;
  for (const VariableArena::Member& member : arena_.members) offsets.push_back(member.offset);
  return backward.graph.add(Pack(arena_.dtype, offsets, arena_.elements), backward.gradients, "gradients");
}

void TrainingProgram::add_update(Graph& graph, Phase phase, Value total) {
  const TrainConfig& config = model_.config().train;
  const auto flat = [&](const char* name) {
    return graph.variable({.name = name, .dtype = arena_.dtype, .shape = Shape{arena_.elements}});
  };
  Value loss = graph.outputs().at(kLoss);
  if (config.accumulate > 1) {
    total = accumulate(graph, flat(kAccumulated), total);
    // A loss that is not finite may have a gradient that is; nobody looks at it before the update.
    loss = accumulate(graph, graph.variable({.name = kAccumulatedLoss, .dtype = DType::float32, .shape = {}}),
                      loss);
    if (phase == Phase::accumulate) return;
  }
  if (ranks_) total = graph.add(AllReduce(*ranks_, "the gradient"), {total}, "gradients");
  ClipOptions clip{.scale = 1.0 / static_cast<double>(config.accumulate), .loss = loss};
  if (config.clip_norm > 0) clip.max_norm = config.clip_norm;
  const std::optional<LossScaling> scaling = loss_scaling(graph);
  if (scaling) clip.loss_scale = scaling->scale();
  const ClippedGradient clipped = clip_by_norm(graph, total, clip);
  graph.output(kGradientNorm, clipped.norm);
  const Value parameters = flat(kParameters);
  const Value step = StepState::step(graph), updates = scaling ? scaling->updates(step) : step;
  config.optimizer->build(graph,
                          {.parameters = parameters,
                           .gradients = total,
                           .learning_rate = StepState::learning_rate(graph),
                           .step = updates,
                           .gradient_scale = clipped.scale},
                          config.optimizer->segments(arena_, graph));
  if (config.average_decay > 0) {
    WeightAverage average;
    average.decay = config.average_decay;
    average.build(graph, parameters, updates, clipped.scale);
  }
  if (scaling) scaling->adjust(clipped.scale);
  if (config.accumulate > 1) {
    for (const char* sum : {kAccumulated, kAccumulatedLoss}) set_zero(graph, graph.find(sum));
  }
}

std::optional<LossScaling> TrainingProgram::loss_scaling(Graph& graph) const {
  if (!needs_loss_scaling(precision_)) return std::nullopt;
  return LossScaling(graph, {.initial = model_.config().train.loss_scale});
}

std::optional<double> TrainingProgram::loss_scale() const {
  if (!variables_.contains(LossScaling::kScale)) return std::nullopt;
  return variables_.read(LossScaling::kScale).item();
}

Executor& TrainingProgram::executor(std::int64_t batch_size, Phase phase) {
  std::unique_ptr<Executor>& found = executors_[{batch_size, phase}];
  if (!found) {
    found = std::make_unique<Executor>(
        build(batch_size, phase), stream_, variables_,
        ExecutorOptions{.workspace = workspace_, .capture = model_.config().capture});
    workspace_ = found->workspace();
  }
  return *found;
}

void TrainingProgram::bind(Executor& executor, std::span<const TensorView> batch) const {
  const Schema& schema = model_.pipeline().batch();
  for (std::size_t i = 0; i < schema.size(); ++i) executor.bind(schema[i].name, batch[i]);
}

void TrainingProgram::remember_state() {
  for (const auto& [variable, before] : remembered_) enqueue_copy(stream_, variable, before);
}

void TrainingProgram::undo_step() {
  for (const auto& [variable, before] : remembered_) enqueue_copy(stream_, before, variable);
  for (const char* sum : {kAccumulated, kAccumulatedLoss}) {
    if (variables_.contains(sum)) enqueue_zeros(stream_, variables_[sum]);
  }
  within_step_ = false;
}

void TrainingProgram::enqueue(std::span<const TensorView> batch, Phase phase, std::int64_t samples) {
  if (!within_step_) remember_state();
  within_step_ = phase == Phase::accumulate;
  last_ = &executor(samples, phase);
  bind(*last_, batch);
  last_->run();
  figures_.push_back(readback_.enqueue(last_->output(kFigures)));
}

std::vector<TrainingProgram::Result> TrainingProgram::finish() {
  readback_.wait();
  std::vector<Result> results;
  for (const TensorView& view : std::exchange(figures_, {})) {
    const std::span<const float> figures = view.as<float>();
    Result result{.loss = figures[0]};
    if (figures.size() > 1) result.gradient_norm = figures[1];
    result.finite = std::isfinite(result.loss) && std::isfinite(result.gradient_norm);
    results.push_back(result);
  }
  return results;
}

TrainingProgram::Result TrainingProgram::run(const std::vector<Tensor>& batch, Phase phase,
                                             std::int64_t samples) {
  enqueue(views(batch), phase, samples);
  return finish().back();
}

std::optional<NonFinite> TrainingProgram::find_non_finite(const std::vector<Tensor>& batch,
                                                          std::int64_t samples) {
  Backward backward = build_backward(samples, Fusion::off);
  clip_by_norm(backward.graph, pack(backward), {.loss = backward.graph.outputs().at(kLoss)});
  Executor unfused(recomputed(backward.graph, model_.config().train), stream_, variables_);
  bind(unfused, views(batch));
  return slipway::find_non_finite(unfused, batch[0].shape()[0]);
}

Variables TrainingProgram::evaluated() const {
  return variables_.contains(WeightAverage::kName) ? variables_.with_arena(arena_, WeightAverage::kName)
                                                   : variables_;
}

}  // namespace slipway
