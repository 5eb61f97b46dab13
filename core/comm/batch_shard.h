#pragma once

#include "core/comm/communicator.h"

namespace slipway {

/// What one rank has of a batch, and how it reaches the ranks that have the rest; these must outlive the
/// graphs that are built for it.
struct BatchShard {
  Communicator& ranks;
  std::int64_t samples = 0;  // of the whole batch

  std::int64_t begin() const { return ranks.shard().begin(samples); }
  std::int64_t size() const { return ranks.shard().size(samples); }
};

}  // namespace slipway
