#pragma once

#include <cstdint>

namespace slipway::simt {

/// What goes wrong on request; counts are from the last restart().
struct Faults {
  std::int64_t failing_allocation = 0;  // this allocation, from 1, finds no memory
  std::int64_t failing_launch = 0;      // this kernel, from 1, faults; its device is unusable from then on
  int dead_rank = -1;                   // this rank of every communicator joins no collective
};

}  // namespace slipway::simt
