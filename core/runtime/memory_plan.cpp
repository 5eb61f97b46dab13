#include "core/runtime/memory_plan.h"

#include <algorithm>
#include <numeric>

namespace slipway {
namespace {

constexpr std::size_t kAlignment = 64;
std::size_t align(std::size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

/// A contiguous piece of memory and everything that will lie in it.
struct Storage {
  int leaf = MemoryPlan::kArena;
  std::size_t bytes = 0;
  int first = 0;  // the node that first writes it
  int last = 0;   // the last node that reads it
  std::size_t offset = 0;
  int parent = -1;  // merged into that storage at parent_offset
  std::size_t parent_offset = 0;
};

class MemoryPlanner {
 public:
  MemoryPlanner(const Graph& graph, MemoryReuse reuse) : graph_(graph), reuse_(reuse) {
    last_use_.resize(graph.nodes().size());
    for (std::size_t i = 0; i < last_use_.size(); ++i) {
      last_use_[i].assign(graph.nodes()[i].outputs.size(), static_cast<int>(i));
    }
    for (int i = 0; i < count(); ++i) {
      for (const Value input : graph.node(i).inputs) last_use(input) = i;
    }
    for (const auto& [name, value] : graph.outputs()) last_use(value) = count();
  }

  MemoryPlan run(const std::vector<std::size_t>& scratch_bytes) {
    storage_of_.resize(graph_.nodes().size());
    for (int i = 0; i < count(); ++i) place_outputs(i);
    if (reuse_ == MemoryReuse::shared) {
      for (int i = 0; i < count(); ++i) place_packed_inputs(i);
    }
    std::vector<int> scratch_storage(graph_.nodes().size(), -1);
    for (int i = 0; i < count(); ++i) {
      const std::size_t bytes = scratch_bytes[static_cast<std::size_t>(i)];
      if (bytes == 0) continue;
      scratch_storage[static_cast<std::size_t>(i)] = static_cast<int>(storages_.size());
      storages_.push_back({.bytes = bytes, .first = i, .last = i});
    }
    MemoryPlan plan;
    assign_offsets(plan);
    for (const auto& outputs : storage_of_) {
      plan.values.emplace_back();
      for (const int index : outputs) plan.values.back().push_back(resolve(index));
    }
    for (const int index : scratch_storage) plan.scratch.push_back(index < 0 ? 0 : resolve(index).offset);
    return plan;
  }

 private:
  int count() const { return static_cast<int>(graph_.nodes().size()); }
  int& last_use(Value value) {
    return last_use_[static_cast<std::size_t>(value.node)][static_cast<std::size_t>(value.output)];
  }
  int storage_of(Value value) const {
    return storage_of_[static_cast<std::size_t>(value.node)][static_cast<std::size_t>(value.output)];
  }
  Storage& at(int storage) { return storages_[static_cast<std::size_t>(storage)]; }

  void place_outputs(int i) {
    const Node& node = graph_.node(i);
    std::vector<int>& own = storage_of_[static_cast<std::size_t>(i)];
    for (int k = 0; k < static_cast<int>(node.outputs.size()); ++k) {
      const std::size_t bytes = node.outputs[static_cast<std::size_t>(k)].bytes();
      const int last = last_use({i, k});
      if (node.kind != NodeKind::op) {
        storages_.push_back({.leaf = i, .bytes = bytes, .first = i, .last = count()});
        own.push_back(static_cast<int>(storages_.size()) - 1);
        continue;
      }
      int shared = share_with_input(node, i, k, bytes);
      if (shared < 0) {
        storages_.push_back({.bytes = bytes, .first = i, .last = i});
        shared = static_cast<int>(storages_.size()) - 1;
      }
      at(shared).last = std::max(at(shared).last, last);
      own.push_back(shared);
    }
  }

  /// The storage of an input that output k may or must share, or -1.
  int share_with_input(const Node& node, int i, int k, std::size_t bytes) {
    for (const InPlace& alias : node.op->in_place()) {
      if (alias.output != k) continue;
      const Value input = node.inputs[static_cast<std::size_t>(alias.input)];
      const int candidate = storage_of(input);
      if (alias.rule == InPlace::Rule::required) return candidate;
      const bool taken_already = std::count(storage_of_[static_cast<std::size_t>(i)].begin(),
                                            storage_of_[static_cast<std::size_t>(i)].end(), candidate) > 0;
      const bool read_twice = std::count_if(node.inputs.begin(), node.inputs.end(),
                                            [&](Value other) { return storage_of(other) == candidate; }) > 1;
      const Storage& storage = at(candidate);
      if (reuse_ == MemoryReuse::shared && storage.leaf == MemoryPlan::kArena && storage.last == i &&
          storage.bytes == bytes && !taken_already && !read_twice) {
        return candidate;
      }
    }
    return -1;
  }

  /// Lets the producers of a packing op's inputs write into its output.
  void place_packed_inputs(int i) {
    const Node& node = graph_.node(i);
    if (node.kind != NodeKind::op) return;
    const std::vector<std::size_t> offsets = node.op->packing_offsets();
    if (offsets.empty()) return;
    const int target = storage_of({i, 0});
    if (at(target).leaf != MemoryPlan::kArena || at(target).parent >= 0) return;
    for (std::size_t k = 0; k < node.inputs.size(); ++k) {
      const int index = storage_of(node.inputs[k]);
      Storage& part = at(index);
      const std::size_t bytes = graph_.type(node.inputs[k]).bytes();
      // Whoever reads the part later might meet one that works in place on the whole, and the other way
      // round.
      const bool ends_here = part.last == i;
      if (index != target && part.leaf == MemoryPlan::kArena && part.parent < 0 && part.bytes == bytes &&
          ends_here) {
        part.parent = target;
        part.parent_offset = offsets[k];
        at(target).first = std::min(at(target).first, part.first);
        at(target).last = std::max(at(target).last, part.last);
      }
    }
  }

  void assign_offsets(MemoryPlan& plan) {
    std::vector<int> order;
    for (int i = 0; i < static_cast<int>(storages_.size()); ++i) {
      if (at(i).leaf != MemoryPlan::kArena || at(i).parent >= 0) continue;
      order.push_back(i);
      plan.total_bytes += align(at(i).bytes);
    }
    std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return at(a).bytes > at(b).bytes; });
    std::vector<int> placed;  // by offset
    for (const int index : order) {
      Storage& storage = at(index);
      std::size_t offset = 0;
      for (const int other : placed) {
        const Storage& taken = at(other);
        const bool overlap =
            reuse_ == MemoryReuse::separate || (storage.first <= taken.last && taken.first <= storage.last);
        if (!overlap) continue;
        if (offset + align(storage.bytes) <= taken.offset) break;  // fits into the gap before `taken`
        offset = std::max(offset, taken.offset + align(taken.bytes));
      }
      storage.offset = offset;
      plan.arena_bytes = std::max(plan.arena_bytes, offset + align(storage.bytes));
      placed.insert(std::upper_bound(placed.begin(), placed.end(), index,
                                     [&](int a, int b) { return at(a).offset < at(b).offset; }),
                    index);
    }
  }

  MemoryPlan::Place resolve(int index) {
    std::size_t offset = 0;
    while (at(index).parent >= 0) {
      offset += at(index).parent_offset;
      index = at(index).parent;
    }
    return {at(index).leaf, offset + at(index).offset};
  }

  const Graph& graph_;
  MemoryReuse reuse_;
  std::vector<std::vector<int>> last_use_;
  std::vector<std::vector<int>> storage_of_;  // [node][output]
  std::vector<Storage> storages_;
};

}  // namespace

MemoryPlan plan_memory(const Graph& graph, const std::vector<std::size_t>& scratch_bytes, MemoryReuse reuse) {
  return MemoryPlanner(graph, reuse).run(scratch_bytes);
}

}  // namespace slipway
