#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/graph/graph.h"

namespace slipway {

/// Whether values with disjoint lifetimes may share memory. `separate` exists to test the other.
enum class MemoryReuse { shared, separate };

/// Where each value of a graph lies during a step.
struct MemoryPlan {
  static constexpr int kArena = -1;
  struct Place {
    int leaf = kArena;       // the node of the input, variable or constant whose memory this is, or kArena
    std::size_t offset = 0;  // bytes into it
  };
  std::vector<std::vector<Place>> values;  // [node][output]
  std::vector<std::size_t> scratch;        // [node], offset into the arena
  std::size_t arena_bytes = 0;             // what is allocated: the peak of all lifetimes
  std::size_t total_bytes = 0;             // what separate memory for every value would take

  const Place& operator[](Value value) const {
    return values[static_cast<std::size_t>(value.node)][static_cast<std::size_t>(value.output)];
  }
};

/// Plans by lifetime: views and in-place results share their input's memory, inputs of a packing op are
/// placed inside its output, and the rest is laid out largest first at the lowest offset that is free for its
/// lifetime. `scratch_bytes` holds the scratch demand of each node.
MemoryPlan plan_memory(const Graph& graph, const std::vector<std::size_t>& scratch_bytes, MemoryReuse reuse);

}  // namespace slipway
