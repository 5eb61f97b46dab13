#pragma once

#include "core/comm/batch_shard.h"
#include "layers/ops/batch_norm.h"

namespace slipway {

/// The statistics of a part of a batch: x [batch, channels, ...] -> [2, channels], the mean of each
/// channel and its values' squared distances from it, summed.
class BatchMoments : public Op {
 public:
  std::string_view name() const override { return "batch_moments"; }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  std::unique_ptr<OpState> prepare(PrepareContext& context) const override;
  void run(OpContext& context) const override;
  LayoutRule layout_rule() const override { return LayoutRule::channels; }
};

/// The statistics of the whole batch from those of all parts:
///   inputs  moments [parts, 2, channels], running mean, running variance [channels]
///   outputs mean and biased variance [channels], and the updated running statistics, which are the inputs'
///   memory.
class MergeMoments : public Op {
 public:
  struct Options {
    std::int64_t samples = 0;  // of the whole batch
    std::int64_t pixels = 1;   // values a sample and channel
    double momentum = 0.1;
  };
  enum Output { kMean, kVariance, kRunningMean, kRunningVariance };
  explicit MergeMoments(const Options& options) : options_(options) {}

  std::string_view name() const override { return "merge_moments"; }
  std::string attributes() const override;
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  void run(OpContext& context) const override;
  std::vector<InPlace> in_place() const override;

 private:
  Options options_;
};

/// Normalises a part of a batch by statistics of the whole batch, on which the other parts depend
/// as well: inputs and output as BatchNormInference, into which fusion turns it.
class SyncedBatchNorm : public BatchNormInference {
 public:
  /// `values`: of one channel, in the whole batch.
  SyncedBatchNorm(const BatchNormOptions& options, const BatchShard& shard, std::int64_t values)
      : BatchNormInference(options), shard_(shard), values_(values) {}

  std::string_view name() const override { return "synced_batch_norm"; }
  std::vector<Value> vjp(VjpContext& context) const override;

 private:
  BatchShard shard_;
  std::int64_t values_;
};

/// Appends batch normalisation by the statistics of all parts; inputs and outputs as
/// BatchNormTraining, without mean and rstd.
struct SyncedBatchNormOutputs {
  Value y, running_mean, running_variance;
};
SyncedBatchNormOutputs add_synced_batch_norm(Graph& graph, const BatchShard& shard,
                                             const BatchNormOptions& options,
                                             const std::vector<Value>& inputs, const std::string& name);

}  // namespace slipway
