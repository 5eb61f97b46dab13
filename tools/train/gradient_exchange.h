#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "core/comm/batch_shard.h"
#include "core/graph/graph.h"
#include "core/runtime/variables.h"
#include "layers/ops/collective.h"

namespace slipway {

/// The name of the nodes that bring gradients together, the last of the backward pass.
inline constexpr const char* kGradients = "gradients";
/// What the ranks' exchange of them is called.
inline constexpr const char* kGradientPhase = "the gradient";

/// A contiguous range of the arena of gradients, which ranks exchange at once.
struct GradientBucket {
  std::size_t begin = 0, end = 0;  // members
  std::int64_t offset = 0;         // in elements
  std::int64_t elements = 0;
};
/// Cuts the arena so that each bucket but the last has at least kBucketBytes.
std::vector<GradientBucket> gradient_buckets(const VariableArena& arena);
inline constexpr std::int64_t kBucketBytes = std::int64_t{4} << 20;
/// Moves the arena's members apart so that each bucket can be cut into so many equal slices.
void make_buckets_divisible(VariableArena& arena, std::int64_t slices);

/// The gradients of a part of a batch: one a member of the arena, in its order.
using Gradients = std::vector<Value>;

/// The gradients in the order of the arena, side by side in one flat value.
Value pack_gradients(Graph& graph, const VariableArena& arena, const Gradients& gradients);

/// Sums gradients over all parts of a batch, wherever they are. Each bucket's exchange starts as soon as
/// backward has finished what is in it (for start_early() to see to), and goes on during the rest.
class GradientExchange {
 public:
  /// In `wire`, float32 or bfloat16, gradients travel.
  GradientExchange(const VariableArena& arena, const BatchShard& shard, DType wire);

  /// What becomes of a bucket before it is exchanged: its flat gradient of this rank, or what was accumulated
  /// of it.
  using Prepare = std::function<Value(std::size_t bucket, Value gradient)>;
  /// Appends what this rank has to do for each bucket, of one part. Only of Parts::ranks.
  std::vector<Value> prepare(Graph& graph, const Gradients& part, const Prepare& prepare) const;
  /// Appends the exchange of buckets; returns the flat sum [N], all of it or, of a reduce-scatter, the slices
  /// of this rank (StateShards) with anything in between.
  Value sum(Graph& graph, const std::vector<Value>& buckets, Reduction reduction) const;
  /// Appends the exchange of this rank's parts, of Parts::fixed, in an order that does not depend on how many
  /// of them each rank has.
  Value ordered_sum(Graph& graph, const std::vector<Gradients>& parts) const;

 private:
  Value packed(Graph& graph, const GradientBucket& bucket, const Gradients& gradients) const;
  Value together(Graph& graph, std::vector<Value> sums) const;

  const VariableArena& arena_;
  const BatchShard& shard_;
  DType wire_;
  std::vector<GradientBucket> buckets_;
};

}  // namespace slipway
