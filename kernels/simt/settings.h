#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/simt/runtime/faults.h"

namespace slipway::simt {

/// In which order blocks, and the threads of a block, start and continue. No correct kernel depends on it.
enum class Order : std::uint8_t { ascending, descending, seeded };

/// What becomes of a finding: kept in findings(), or printed and raised at the next synchronisation.
enum class FindingPolicy : std::uint8_t { raise, collect };

/// How simulated GPUs behave, for the whole process. Changed only while no kernel runs; what concerns
/// devices, streams and faults holds from the next restart() of the runtime.
struct Settings {
  Order order = Order::ascending;
  std::uint64_t seed = 1;                           // of Order::seeded and of the order of streams
  int devices = 2;                                  // simulated GPUs
  std::size_t device_bytes = std::size_t{8} << 30;  // memory of each
  int threads = 0;  // OS threads for the blocks of a grid; 0: all cores. Only in ascending order, unchecked
  bool poison = true;  // fresh device memory and dynamic shared memory hold NaNs
  bool check = true;   // instrumented kernels are checked
  bool meter = false;  // instrumented kernels are measured, see meter.h
  Faults faults;
  FindingPolicy findings = FindingPolicy::raise;
};
Settings& settings();

}  // namespace slipway::simt
