#include "kernels/simt/runtime/clock.h"

#include <algorithm>

namespace slipway::simt {

void Clock::learn(LanePosition position) {
  if (counts_.size() <= position.lane) counts_.resize(position.lane + 1);
  counts_[position.lane] = std::max(counts_[position.lane], position.count);
}

void Clock::learn(const Clock& other) {
  if (counts_.size() < other.counts_.size()) counts_.resize(other.counts_.size());
  for (std::size_t lane = 0; lane < other.counts_.size(); ++lane) {
    counts_[lane] = std::max(counts_[lane], other.counts_[lane]);
  }
}

}  // namespace slipway::simt
