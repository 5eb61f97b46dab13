#pragma once

#include <string>

#include "core/comm/communicator.h"
#include "core/graph/op.h"

namespace slipway {

/// The sum of a value over all ranks: float32, float64, int64, of any layout. Every rank must run it. It has
/// no gradient: what is differentiated is the part of the loss that one rank contributes, and gradients are
/// summed where they are used.
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

/// The values of all ranks, [ranks, as the input], in the order of ranks.
class AllGather : public Op {
 public:
  AllGather(Communicator& ranks, std::string phase) : ranks_(&ranks), phase_(std::move(phase)) {}

  std::string_view name() const override { return "all_gather"; }
  std::string attributes() const override { return phase_; }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  void run(OpContext& context) const override;

 private:
  Communicator* ranks_;
  std::string phase_;
};

}  // namespace slipway
