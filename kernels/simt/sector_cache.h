#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <unordered_map>

namespace slipway::simt {

/// Keeps the sectors that were read last.
class SectorCache {
 public:
  /// Empty from here on.
  void clear(std::size_t capacity) {
    capacity_ = capacity;
    places_.clear();
    order_.clear();
  }
  /// Whether a sector is held; it is, afterwards.
  bool read(std::uintptr_t sector) {
    const auto known = places_.find(sector);
    if (known != places_.end()) {
      order_.splice(order_.begin(), order_, known->second);
      return true;
    }
    if (order_.size() == capacity_) {
      places_.erase(order_.back());
      order_.pop_back();
    }
    order_.push_front(sector);
    places_.emplace(sector, order_.begin());
    return false;
  }

 private:
  std::size_t capacity_ = 1;
  std::list<std::uintptr_t> order_;  // the last read first
  std::unordered_map<std::uintptr_t, std::list<std::uintptr_t>::iterator> places_;
};

}  // namespace slipway::simt
