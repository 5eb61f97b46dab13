#pragma once

#include <cstdint>

namespace slipway::simt {

/// What goes wrong on request, counted from the last restart(). 0: nothing.
struct Faults {
  std::int64_t failing_allocation = 0;  // this allocation, from 1, finds no memory
  std::int64_t failing_launch =
      0;  // this kernel, from 1, ends in an illegal access; its device is then unusable
};

}  // namespace slipway::simt
