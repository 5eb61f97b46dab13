#pragma once

#include "core/comm/communicator.h"

namespace slipway {

/// The part of a batch that one graph is for, and how it reaches the ranks that have the rest; they must
/// outlive the graphs that are built for it.
struct BatchShard {
  Communicator& ranks;
  std::int64_t samples = 0;  // of the whole batch

  /// Whether each rank's share is one part, and sums over parts are made in any order; or the batch is cut
  /// into parts regardless of the number of ranks, which sum over them in an order that does not depend on it
  /// either: then every number of ranks computes the same bits.
  enum class Parts { ranks, fixed };
  Parts parts = Parts::ranks;
  int rank_parts = 1;  // of Parts::fixed: how many parts each rank has
  int part = 0;        // the one of them that the graph is for

  Shard shard() const {
    return {.rank = ranks.rank() * rank_parts + part, .ranks = ranks.size() * rank_parts};
  }
  std::int64_t begin() const { return shard().begin(samples); }
  std::int64_t size() const { return shard().size(samples); }
};

}  // namespace slipway
