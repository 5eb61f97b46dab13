#pragma once

#include <cstddef>
#include <memory>
#include <unordered_map>

namespace slipway::simt {

/// Owns what opaque handles point to.
template <class State>
class Handles {
 public:
  struct Entry {
    State state;
    const void* caller = nullptr;  // the code that asked for it
  };

  State* add(State state, const void* caller) {
    auto entry = std::make_unique<Entry>(Entry{std::move(state), caller});
    State* handle = &entry->state;
    entries_.emplace(handle, std::move(entry));
    return handle;
  }
  /// Null if the handle is none of ours, or was destroyed.
  State* find(const void* handle) const {
    const auto found = entries_.find(handle);
    return found == entries_.end() ? nullptr : &found->second->state;
  }
  bool remove(const void* handle) { return entries_.erase(handle) != 0; }

  template <class Predicate>
  void remove_if(const Predicate& predicate) {
    std::erase_if(entries_, [&](const auto& entry) { return predicate(entry.second->state); });
  }

  auto begin() const { return entries_.begin(); }
  auto end() const { return entries_.end(); }

 private:
  std::unordered_map<const void*, std::unique_ptr<Entry>> entries_;
};

}  // namespace slipway::simt
