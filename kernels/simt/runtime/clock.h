#pragma once

#include <cstdint>
#include <vector>

namespace slipway::simt {

/// The count-th operation, from 1, of a lane: a stream, or one branch of a graph that is being launched.
struct LanePosition {
  std::uint32_t lane = 0;
  std::uint32_t count = 0;
};

/// A vector clock: how many operations of each lane are known to have happened.
class Clock {
 public:
  bool knows(LanePosition position) const {
    return position.lane < counts_.size() && counts_[position.lane] >= position.count;
  }
  void learn(LanePosition position);
  void learn(const Clock& other);

 private:
  std::vector<std::uint32_t> counts_;  // by lane
};

}  // namespace slipway::simt
