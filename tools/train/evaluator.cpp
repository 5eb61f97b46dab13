#include "tools/train/evaluator.h"

#include <algorithm>

#include "core/comm/single.h"
#include "core/graph/passes/passes.h"
#include "core/runtime/readback.h"
#include "data/batch_feed.h"
#include "layers/ops/collective.h"
#include "layers/ops/concat.h"
#include "tools/train/batch_parts.h"
#include "tools/train/precision.h"
#include "tools/train/training_program.h"

namespace slipway {
namespace {

constexpr const char* kPhase = "the metrics";
constexpr const char* kOutput = "output";

std::string sum_name(std::size_t metric, std::size_t sum) { return text("metric_", metric, "_", sum); }

/// sum += part, for counts and sums.
void add_to(const Tensor& sum, const TensorView& part) {
  if (part.dtype() == DType::int64) {
    const auto values = part.as<std::int64_t>();
    const auto totals = sum.as<std::int64_t>();
    for (std::size_t i = 0; i < values.size(); ++i) totals[i] += values[i];
  } else {
    const auto values = part.as<double>();
    const auto totals = sum.as<double>();
    for (std::size_t i = 0; i < values.size(); ++i) totals[i] += values[i];
  }
}

/// Room for the loss and the sums of one batch.
std::size_t readback_bytes(const std::vector<std::vector<Tensor>>& sums) {
  std::size_t bytes = Readback::kAlignment;
  for (const auto& of_metric : sums) {
    for (const Tensor& sum : of_metric) bytes += sum.type().bytes() + Readback::kAlignment;
  }
  return bytes;
}

}  // namespace

Evaluator::Evaluator(const Model& model, const Stream& stream, Variables variables, Communicator* ranks)
    : model_(model),
      stream_(stream),
      alone_(!ranks && model.config().fixes_parts() ? single_rank() : nullptr),
      ranks_(alone_ ? alone_.get() : ranks),
      parts_(model.config().fixes_parts() ? BatchShard::Parts::fixed : BatchShard::Parts::ranks),
      variables_(std::move(variables)) {
  if (parts_ == BatchShard::Parts::fixed)
    rank_parts_ = static_cast<int>(model.config().train.virtual_shards) / ranks_->size();
}

std::optional<BatchShard> Evaluator::shard(std::int64_t batch_size) const {
  if (!ranks_) return std::nullopt;
  return BatchShard{.ranks = *ranks_, .samples = batch_size, .parts = parts_, .rank_parts = rank_parts_};
}

/// Counts add up to the same in any order, sums don't.
bool Evaluator::is_summed_in_graph(DType dtype) const {
  return parts_ == BatchShard::Parts::fixed && dtype != DType::int64;
}

/// With the sums of metrics as outputs.
Graph Evaluator::build_part(std::int64_t batch_size, const BatchShard* part) {
  const Model::Options options{.mode = Mode::evaluation, .batch_size = batch_size, .shard = part};
  Model::Evaluation built = model_.evaluation(options);
  const Scope scope = model_.scope(built.graph, options);
  const std::vector<std::vector<Value>> sums = model_.add_metrics(scope, built);
  for (std::size_t i = 0; i < sums.size(); ++i) {
    for (std::size_t k = 0; k < sums[i].size(); ++k) {
      Value sum = sums[i][k];
      if (part && is_summed_in_graph(built.graph.type(sum).dtype))
        sum = built.graph.add(sum_over_parts(*part, kPhase), {sum}, sum_name(i, k));
      built.graph.output(sum_name(i, k), sum);
    }
  }
  return in_precision(std::move(built.graph),
                      precision_on(stream_.device, parse_precision(model_.config().precision)));
}

Executor& Evaluator::executor(std::int64_t batch_size) {
  std::unique_ptr<Executor>& found = executors_[batch_size];
  if (found) return *found;
  std::optional<BatchShard> part = shard(batch_size);
  std::vector<Graph> graphs;
  do {
    graphs.push_back(build_part(batch_size, part ? &*part : nullptr));
  } while (part && ++part->part < part->rank_parts);
  Graph graph = join_parts(graphs);
  if (rank_parts_ > 1) {
    std::vector<Value> rows;
    for (int i = 0; i < rank_parts_; ++i) rows.push_back(graph.drop_output(part_name(kOutput, i)));
    graph.output(kOutput, graph.add(Concat(0), std::move(rows), kOutput));
  }
  graph = optimize(std::move(graph), stream_, variables_);
  variables_.allocate(graph);
  found = std::make_unique<Executor>(
      std::move(graph), stream_, variables_,
      ExecutorOptions{.workspace = workspace_, .capture = model_.config().capture});
  workspace_ = found->workspace();
  return *found;
}

std::vector<std::vector<Tensor>> Evaluator::zero_sums() {
  const Graph& graph = executor(1).graph();
  std::vector<std::vector<Tensor>> sums(model_.config().metrics.size());
  for (std::size_t i = 0; i < sums.size(); ++i) {
    for (std::size_t k = 0; graph.outputs().contains(sum_name(i, k)); ++k) {
      const ValueType& type = graph.type(graph.outputs().at(sum_name(i, k)));
      sums[i].push_back(Tensor::zeros(type.dtype, type.shape));
    }
  }
  return sums;
}

std::vector<Evaluator::Figure> Evaluator::figures_of(double loss,
                                                     const std::vector<std::vector<Tensor>>& sums) const {
  std::vector<Figure> figures = {{.name = "loss", .value = loss, .higher_is_better = false}};
  const std::vector<Slot<Metric>>& metrics = model_.config().metrics;
  for (std::size_t i = 0; i < metrics.size(); ++i) {
    for (const auto& [name, value] : metrics[i]->results(sums[i])) {
      figures.push_back({.name = name, .value = value, .higher_is_better = metrics[i]->higher_is_better()});
    }
  }
  return figures;
}

std::vector<Evaluator::Figure> Evaluator::figures() { return figures_of(0, zero_sums()); }

Evaluator::Result Evaluator::run(Loader& loader) {
  return *run(loader, [](const Batch&, const Executor&) { return true; });
}

std::optional<Evaluator::Result> Evaluator::run(Loader& loader, const OnBatch& on_batch) {
  Result result{.samples = 0, .figures = {}, .sums = zero_sums()};
  BatchFeed feed(loader, stream_);
  Readback readback(stream_, readback_bytes(result.sums) * static_cast<std::size_t>(rank_parts_));
  double loss_sum = 0;
  while (const Batch* batch = feed.next()) {
    Executor& executor = this->executor(batch->samples);
    bind_batch(executor, model_.pipeline().batch(), feed.values(), shard(batch->samples));
    executor.run();
    const TensorView loss = readback.enqueue(executor.output("loss"));
    std::vector<std::pair<Tensor, TensorView>> parts;  // of sums
    for (std::size_t i = 0; i < result.sums.size(); ++i) {
      for (std::size_t k = 0; k < result.sums[i].size(); ++k) {
        const Tensor& sum = result.sums[i][k];
        const int outputs = is_summed_in_graph(sum.dtype()) ? 1 : rank_parts_;
        for (int part = 0; part < outputs; ++part)
          parts.emplace_back(sum, readback.enqueue(executor.output(part_name(sum_name(i, k), part))));
      }
    }
    feed.fetch_ahead();
    readback.wait();
    loss_sum += static_cast<double>(loss.as<float>()[0]) * static_cast<double>(batch->samples);
    for (const auto& [sum, part] : parts) add_to(sum, part);
    result.samples += batch->samples;
    if (!on_batch(*batch, executor)) return std::nullopt;
  }
  if (ranks_) {
    for (const std::vector<Tensor>& sums : result.sums) {
      for (const Tensor& sum : sums) {
        if (!is_summed_in_graph(sum.dtype())) ranks_->all_reduce({}, sum, kPhase);
      }
    }
  }
  const auto samples = static_cast<double>(std::max<std::int64_t>(1, result.samples));
  result.figures = figures_of(loss_sum / samples, result.sums);
  return result;
}

}  // namespace slipway
