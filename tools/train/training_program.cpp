#include "tools/train/training_program.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/base/glob.h"
#include "core/base/nearest.h"
#include "core/comm/single.h"
#include "core/graph/autograd.h"
#include "core/graph/passes/passes.h"
#include "core/graph/passes/recompute.h"
#include "core/runtime/step_state.h"
#include "layers/ops/pack.h"
#include "layers/ops/structural.h"
#include "optim/accumulation.h"
#include "optim/average.h"
#include "optim/clipping.h"
#include "tools/train/batch_parts.h"

namespace slipway {
namespace {

constexpr const char* kGradientPrefix = "gradient:";
constexpr const char* kLoss = "loss";
constexpr const char* kOutput = "output";
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
      alone_(!ranks && model.config().fixes_parts() ? single_rank() : nullptr),
      ranks_(alone_ ? alone_.get() : ranks),
      parts_(model.config().fixes_parts() ? BatchShard::Parts::fixed : BatchShard::Parts::ranks),
      precision_(parse_precision(model.config().precision)),
      variables_(stream),
      readback_(stream, Readback::kAlignment * static_cast<std::size_t>(model.config().train.accumulate)) {
  require_precision(stream.device, precision_, model.config().precision_where);
  executor(batch_size, Phase::update);
  for (const std::string& name : model_state_)
    remembered_.push_back({variables_[name], variables_[name].clone()});
}

std::optional<BatchShard> TrainingProgram::shard(std::int64_t batch_size, BatchShard::Parts parts) const {
  if (!ranks_) return std::nullopt;
  BatchShard shard{.ranks = *ranks_, .samples = batch_size, .parts = parts};
  if (parts == BatchShard::Parts::fixed)
    shard.rank_parts = static_cast<int>(model_.config().train.virtual_shards) / ranks_->size();
  return shard;
}

/// Forward and backward of the whole batch or of a part of it, with an output for each gradient.
Graph TrainingProgram::build_part(std::int64_t batch_size, const BatchShard* part) {
  const Model::Options options{.mode = Mode::training, .batch_size = batch_size, .shard = part};
  Model::Evaluation model = model_.evaluation(options);
  model.graph = in_precision(std::move(model.graph), precision_);
  model.loss = part ? model.graph.drop_output(Model::kContribution) : model.graph.outputs().at(kLoss);
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
  return std::move(model.graph);
}

TrainingProgram::Backward TrainingProgram::build_backward(std::int64_t batch_size, Fusion fusion,
                                                          BatchShard::Parts parts) {
  std::optional<BatchShard> part = shard(batch_size, parts);
  std::vector<Graph> graphs;
  do {
    graphs.push_back(build_part(batch_size, part ? &*part : nullptr));
  } while (part && ++part->part < part->rank_parts);
  Graph graph = join_parts(graphs);
  const int count = static_cast<int>(graphs.size());
  for (int i = 1; i < count; ++i) {
    for (const char* name : {kLoss, kOutput}) graph.drop_output(part_name(name, i));
  }
  Backward backward{.graph = optimize(std::move(graph), stream_, variables_, fusion), .gradients = {}};
  for (int i = 0; i < count; ++i) backward.gradients.push_back(arena_gradients(backward.graph, i));
  return backward;
}

/// The gradients of a part, in the layouts of their variables; they are no longer outputs. The first ones lay
/// out the arena.
Gradients TrainingProgram::arena_gradients(Graph& graph, int part) {
  std::vector<std::pair<Value, Value>> pairs;  // gradient, variable
  const std::map<std::string, Value> outputs = graph.outputs();
  for (const std::string& parameter : parameters_) {
    const std::string name = part_name(kGradientPrefix + parameter, part);
    if (outputs.contains(name)) pairs.emplace_back(graph.drop_output(name), graph.find(parameter));
  }
  std::sort(pairs.begin(), pairs.end());  // the order in which backward finishes them
  if (arena_.members.empty()) {
    std::vector<Value> order;
    for (const auto& [from, variable] : pairs) order.push_back(variable);
    arena_ = VariableArena::plan(graph, kParameters, order);
    divide_state();
    variables_.allocate(arena_, graph);
  }
  Gradients gradients;
  for (const VariableArena::Member& member : arena_.members) {
    const Value variable = graph.find(member.name);
    const auto found =
        std::find_if(pairs.begin(), pairs.end(), [&](const auto& pair) { return pair.second == variable; });
    Value gradient = found->first;
    const Layout& layout = graph.type(variable).layout;
    if (graph.type(gradient).layout != layout) {
      gradient = graph.add(structural_ops().reorder(layout), {gradient}, member.name + ".grad");
      graph.set_layout(gradient, layout);
    }
    gradients.push_back(gradient);
  }
  return gradients;
}

/// Where parts are fixed, the arena must not depend on the number of ranks either: sums of it would be in
/// another order.
void TrainingProgram::divide_state() {
  const TrainConfig& config = model_.config().train;
  if (!ranks_ || !config.shard_optimizer) return;
  make_buckets_divisible(arena_, parts_ == BatchShard::Parts::fixed ? config.virtual_shards : ranks_->size());
  state_shards_.emplace(*ranks_, arena_);
}

Graph TrainingProgram::build(std::int64_t batch_size, Phase phase) {
  Backward backward = build_backward(batch_size, Fusion::on, parts_);
  add_update(backward.graph, phase, add_gradient(backward, shard(batch_size, parts_), phase));
  variables_.allocate(backward.graph);
  Graph graph = recomputed(start_early(backward.graph), model_.config().train);
  pack_figures(graph);
  return graph;
}

/// The gradient of the step so far, of all ranks; none where more batches follow.
Value TrainingProgram::add_gradient(Backward& backward, const std::optional<BatchShard>& shard, Phase phase) {
  Graph& graph = backward.graph;
  const TrainConfig& config = model_.config().train;
  const auto accumulated = [&](const std::string& name, Value gradient) {
    if (config.accumulate == 1) return gradient;
    return accumulate(
        graph, graph.variable({.name = name, .dtype = arena_.dtype, .shape = graph.type(gradient).shape}),
        gradient);
  };
  if (!shard) return accumulated(kAccumulated, pack_gradients(graph, arena_, backward.gradients[0]));
  const GradientExchange exchange(arena_, *shard, config.wire == "bfloat16" ? DType::bfloat16 : arena_.dtype);
  if (shard->parts == BatchShard::Parts::fixed)  // the order of sums, too, must not depend on the ranks
    return accumulated(kAccumulated, exchange.ordered_sum(graph, backward.gradients));
  const std::vector<Value> buckets =
      exchange.prepare(graph, backward.gradients[0], [&](std::size_t bucket, Value gradient) {
        return accumulated(text(kAccumulated, '.', bucket), gradient);
      });
  if (phase == Phase::accumulate) return {};
  return exchange.sum(graph, buckets, state_shards_ ? Reduction::reduce_scatter : Reduction::all_reduce);
}

/// What has the norm of the whole gradient: that, or the norms of all ranks' parts of it.
Value TrainingProgram::norm_source(Graph& graph, Value total, Value own) const {
  const bool knows_all = !state_shards_ || parts_ == BatchShard::Parts::fixed;
  if (knows_all) return total;
  return graph.add(GatherParts({.ranks = *ranks_}, "the gradient's norm"), {clip_by_norm(graph, own).norm},
                   kGradientNorm);
}

void TrainingProgram::add_update(Graph& graph, Phase phase, Value total) {
  const TrainConfig& config = model_.config().train;
  const auto flat = [&](const char* name) {
    return graph.variable({.name = name, .dtype = arena_.dtype, .shape = Shape{arena_.elements}});
  };
  Value loss = graph.outputs().at(kLoss);
  if (config.accumulate > 1) {
    // A loss that is not finite may have a gradient that is; nobody looks at it before the update.
    loss = accumulate(graph, graph.variable({.name = kAccumulatedLoss, .dtype = DType::float32, .shape = {}}),
                      loss);
    if (phase == Phase::accumulate) return;
  }
  const Value own = state_shards_ ? state_shards_->take(graph, total) : total;
  ClipOptions clip{.scale = 1.0 / static_cast<double>(config.accumulate), .loss = loss};
  if (config.clip_norm > 0) clip.max_norm = config.clip_norm;
  const std::optional<LossScaling> scaling = loss_scaling(graph);
  if (scaling) clip.loss_scale = scaling->scale();
  const ClippedGradient clipped = clip_by_norm(graph, norm_source(graph, total, own), clip);
  graph.output(kGradientNorm, clipped.norm);
  const Value parameters = flat(kParameters);
  const Value step = StepState::step(graph), updates = scaling ? scaling->updates(step) : step;
  config.optimizer->build(graph,
                          {.parameters = parameters,
                           .ranges = state_shards_ ? state_shards_->ranges() : std::vector<UpdateRange>{},
                           .gradients = own,
                           .learning_rate = StepState::learning_rate(graph),
                           .step = updates,
                           .gradient_scale = clipped.scale},
                          config.optimizer->segments(arena_, graph));
  if (state_shards_) state_shards_->gather_parameters(graph, parameters);
  if (config.average_decay > 0) {
    WeightAverage average;
    average.decay = config.average_decay;
    average.build(graph, parameters, updates, clipped.scale);
  }
  if (scaling) scaling->adjust(clipped.scale);
  if (config.accumulate > 1) {
    for (const VariableUpdate& update : std::vector(graph.updates())) {
      if (is_accumulated(graph.node(update.variable.node).name)) set_zero(graph, update.variable);
    }
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

void TrainingProgram::bind(Executor& executor, std::span<const TensorView> batch, std::int64_t samples,
                           BatchShard::Parts parts) const {
  bind_batch(executor, model_.pipeline().batch(), batch, shard(samples, parts));
}

void TrainingProgram::remember_state() {
  for (const auto& [variable, before] : remembered_) enqueue_copy(stream_, variable, before);
}

void TrainingProgram::undo_step() {
  for (const auto& [variable, before] : remembered_) enqueue_copy(stream_, before, variable);
  for (const std::string& name : variables_.names()) {
    if (is_accumulated(name)) enqueue_zeros(stream_, variables_[name]);
  }
  within_step_ = false;
}

void TrainingProgram::enqueue(std::span<const TensorView> batch, Phase phase, std::int64_t samples) {
  if (!within_step_) remember_state();
  within_step_ = phase == Phase::accumulate;
  last_ = &executor(samples, phase);
  bind(*last_, batch, samples);
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
  Backward backward = build_backward(samples, Fusion::off, BatchShard::Parts::ranks);
  clip_by_norm(backward.graph, pack_gradients(backward.graph, arena_, backward.gradients[0]),
               {.loss = backward.graph.outputs().at(kLoss)});
  Executor unfused(recomputed(backward.graph, model_.config().train), stream_, variables_);
  bind(unfused, views(batch), samples, BatchShard::Parts::ranks);
  return slipway::find_non_finite(unfused, batch[0].shape()[0]);
}

Variables TrainingProgram::evaluated() const {
  return variables_.contains(WeightAverage::kName) ? variables_.with_arena(arena_, WeightAverage::kName)
                                                   : variables_;
}

}  // namespace slipway
