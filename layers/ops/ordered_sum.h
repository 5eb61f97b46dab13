#pragma once

#include <string>

#include "core/comm/batch_shard.h"
#include "core/graph/op.h"

namespace slipway {

/// The sum of a value over all parts of a batch, whose order does not depend on how many of them each rank
/// has: neighbours are added, then neighbouring sums, and so on; so the number of parts and that of ranks are
/// powers of two. Reads the values of this rank's parts. float32, float64.
class OrderedSum : public Op {
 public:
  OrderedSum(const BatchShard& shard, std::string phase)
      : ranks_(&shard.ranks), rank_parts_(shard.rank_parts), phase_(std::move(phase)) {}

  std::string_view name() const override { return "ordered_sum"; }
  std::string attributes() const override { return phase_; }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  std::unique_ptr<OpState> prepare(PrepareContext& context) const override;
  void run(OpContext& context) const override;
  LayoutRule layout_rule() const override { return LayoutRule::elementwise; }
  bool joins_parts() const override { return true; }

 private:
  Communicator* ranks_;
  int rank_parts_;
  std::string phase_;
};

/// The first half of OrderedSum: sums the flat values of this rank's parts and sends their sum to the others.
/// Outputs the sums of all ranks [ranks, elements], on their way until FinishOrderedSum, which alone may read
/// them, and this rank's own, which must stay as it is until then.
class StartOrderedSum : public Op {
 public:
  StartOrderedSum(const BatchShard& shard, std::string phase)
      : ranks_(&shard.ranks), rank_parts_(shard.rank_parts), phase_(std::move(phase)) {}

  std::string_view name() const override { return "start_ordered_sum"; }
  std::string attributes() const override { return phase_; }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  std::unique_ptr<OpState> prepare(PrepareContext& context) const override;
  void run(OpContext& context) const override;
  bool starts_early() const override { return true; }

 private:
  Communicator* ranks_;
  int rank_parts_;
  std::string phase_;
};

/// The second half: the outputs of StartOrderedSum -> [elements]
class FinishOrderedSum : public Op {
 public:
  explicit FinishOrderedSum(Communicator& ranks) : ranks_(&ranks) {}

  std::string_view name() const override { return "finish_ordered_sum"; }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  std::unique_ptr<OpState> prepare(PrepareContext& context) const override;
  void run(OpContext& context) const override;

 private:
  Communicator* ranks_;
};

}  // namespace slipway
