#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/comm/communicator.h"
#include "core/graph/graph.h"
#include "core/runtime/variables.h"
#include "optim/optimizer.h"
#include "tools/train/gradient_exchange.h"

namespace slipway {

/// Flat variables of the size of an arena, whole, on the host.
using WholeStates = std::map<std::string, Tensor>;

/// How ranks divide the optimizer's state among themselves (ZeRO stage 1; Rajbhandari et al., 2020): of each
/// bucket of the gradients, which is_divisible by their number, each rank has the slice of its number. It
/// updates the parameters there, and keeps the state of these only.
class StateShards {
 public:
  StateShards(Communicator& ranks, const VariableArena& arena);

  /// Of a state on this rank.
  std::int64_t elements() const { return elements_; }
  /// The parameters that this rank updates.
  const std::vector<UpdateRange>& ranges() const { return ranges_; }
  /// This rank's slices of a flat value [arena.elements], one after another.
  Value take(Graph& graph, Value flat) const;
  /// Appends what brings the parameters that ranks have updated to all.
  void gather_parameters(Graph& graph, Value parameters) const;

  /// The whole of what each rank has a part of, on rank 0; elsewhere an empty tensor. All ranks call it.
  Tensor whole(const Stream& stream, const Tensor& part) const;
  /// The inverse: gives this rank its part of a tensor that rank 0 has.
  void divide(const Stream& stream, const Tensor& whole, const Tensor& part) const;

 private:
  Communicator& ranks_;
  VariableArena arena_;
  std::vector<GradientBucket> buckets_;
  std::vector<UpdateRange> ranges_;
  std::int64_t elements_ = 0;
};

}  // namespace slipway
