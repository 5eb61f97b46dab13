#pragma once

#include <cstdint>

namespace slipway {

/// The part of a batch that one of several ranks works on: the rank-th contiguous one. The sizes of parts
/// differ by at most one; a part is empty where a batch has fewer samples than there are ranks.
struct Shard {
  int rank = 0;
  int ranks = 1;

  /// Where the part begins in a batch of `samples`.
  std::int64_t begin(std::int64_t samples) const { return samples * rank / ranks; }
  std::int64_t end(std::int64_t samples) const { return samples * (rank + 1) / ranks; }
  std::int64_t size(std::int64_t samples) const { return end(samples) - begin(samples); }

  friend bool operator==(const Shard&, const Shard&) = default;
};

}  // namespace slipway
