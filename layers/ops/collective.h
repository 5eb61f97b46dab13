#pragma once

#include <string>

#include "core/comm/batch_shard.h"
#include "core/graph/op.h"

namespace slipway {

/// The sum of a value over all ranks: float32, float64, bfloat16, int64, of any layout. Every rank must run
/// it. It has no gradient: what is differentiated is the part of the loss that one rank contributes, and
/// gradients are summed where they are used.
class AllReduce : public Op {
 public:
  /// `phase` names the value in errors; `ranks` must outlive the op.
  AllReduce(Communicator& ranks, std::string phase) : ranks_(&ranks), phase_(std::move(phase)) {}

  std::string_view name() const override { return "all_reduce"; }
  std::string attributes() const override { return phase_; }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  void run(OpContext& context) const override;
  std::vector<InPlace> in_place() const override { return {{.output = 0, .input = 0}}; }
  LayoutRule layout_rule() const override { return LayoutRule::elementwise; }

 private:
  Communicator* ranks_;
  std::string phase_;
};

/// Who gets which part of a sum over ranks.
enum class Reduction {
  all_reduce,      // each rank all of it
  reduce_scatter,  // of a flat value, each rank a slice (Communicator::start_reduce_scatter)
};

/// The first half of a reduction: its output is on its way until FinishReduction, which alone may read it.
class StartReduction : public Op {
 public:
  StartReduction(Communicator& ranks, Reduction reduction, std::string phase)
      : ranks_(&ranks), reduction_(reduction), phase_(std::move(phase)) {}

  std::string_view name() const override {
    return reduction_ == Reduction::all_reduce ? "start_all_reduce" : "start_reduce_scatter";
  }
  std::string attributes() const override { return phase_; }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  void run(OpContext& context) const override;
  std::vector<InPlace> in_place() const override { return {{.output = 0, .input = 0}}; }
  LayoutRule layout_rule() const override { return LayoutRule::elementwise; }
  bool starts_early() const override { return true; }

 private:
  Communicator* ranks_;
  Reduction reduction_;
  std::string phase_;
};

/// The second half.
class FinishReduction : public Op {
 public:
  FinishReduction(Communicator& ranks, Reduction reduction) : ranks_(&ranks), reduction_(reduction) {}

  std::string_view name() const override {
    return reduction_ == Reduction::all_reduce ? "finish_all_reduce" : "finish_reduce_scatter";
  }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  void run(OpContext& context) const override;
  std::vector<InPlace> in_place() const override {
    return {{.output = 0, .input = 0, .rule = InPlace::Rule::required}};
  }
  LayoutRule layout_rule() const override { return LayoutRule::elementwise; }

 private:
  Communicator* ranks_;
  Reduction reduction_;
};

/// Of a flat value [N], in place: each range, of equal slices, has of each rank the slice of its number.
class GatherSlices : public Op {
 public:
  struct Range {
    std::int64_t begin = 0, end = 0;  // elements
  };
  GatherSlices(Communicator& ranks, std::vector<Range> ranges, std::string phase)
      : ranks_(&ranks), ranges_(std::move(ranges)), phase_(std::move(phase)) {}

  std::string_view name() const override { return "gather_slices"; }
  std::string attributes() const override { return phase_; }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  void run(OpContext& context) const override;
  std::vector<InPlace> in_place() const override {
    return {{.output = 0, .input = 0, .rule = InPlace::Rule::required}};
  }

 private:
  Communicator* ranks_;
  std::vector<Range> ranges_;
  std::string phase_;
};

/// The values of all parts of a batch, [parts, as the input], in their order; it reads those of this rank.
class GatherParts : public Op {
 public:
  GatherParts(const BatchShard& shard, std::string phase)
      : ranks_(&shard.ranks), rank_parts_(shard.rank_parts), phase_(std::move(phase)) {}

  std::string_view name() const override { return "gather_parts"; }
  std::string attributes() const override { return phase_; }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  std::unique_ptr<OpState> prepare(PrepareContext& context) const override;
  void run(OpContext& context) const override;
  bool joins_parts() const override { return true; }

 private:
  Communicator* ranks_;
  int rank_parts_;
  std::string phase_;
};

/// The op that sums a value over all parts of a batch: AllReduce, or OrderedSum.
OpPtr sum_over_parts(const BatchShard& shard, const std::string& phase);

}  // namespace slipway
