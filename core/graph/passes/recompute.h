#pragma once

#include <cstddef>
#include <functional>

#include "core/graph/graph.h"

namespace slipway {

struct RecomputeOptions {
  enum class Keep {
    everything,         // that the backward pass reads
    block_boundaries,   // what goes from one block of the model (BlockMark) to another
    segment_boundaries  // the same of segments of the forward pass that are cut so that little memory is
                        // needed
  };
  Keep keep = Keep::everything;
  Value loss;  // the forward pass is every op up to this one
  /// Memory that a step needs, in bytes, by which variants are compared.
  std::function<std::size_t(const Graph&)> memory;
};

/// Trades time for memory: values of the forward pass that the backward pass reads are computed again from
/// those kept, by copies of their ops right before the first op that needs them. Every op of the forward pass
/// runs at most twice, an op that updates variables once; layouts and ops are the same both times, so that
/// results are the same bits. To be run last, on a graph that holds forward pass, backward pass and update.
///
/// What is computed again is one segment at a time, as in Chen et al., "Training Deep Nets with Sublinear
/// Memory Cost" (2016). `segment_boundaries` finds segments as Kusumoto et al., "A Graph Theoretic Framework
/// of Recomputation Algorithms for Memory-Efficient Backpropagation" (2019), by dynamic programming over the
/// positions of the forward pass, and takes of several such solutions and the blocks the one that needs
/// least. The last segments, whose backward pass comes first, stay as they are as long as that takes no more
/// memory; an op that must run once keeps its values.
Graph recompute(const Graph& graph, const RecomputeOptions& options);

}  // namespace slipway
