#pragma once

#include <cstddef>
#include <cstdint>

namespace slipway::simt {

/// Ends all that the process has on the simulated devices; the next call of the runtime finds new devices,
/// made from the settings.
void restart();

/// Reports what the program has not released of memory, streams, events and graphs; returns how many things.
std::size_t report_leaks();

/// What has happened since the last restart().
struct Usage {
  std::int64_t allocations = 0;  // of device and pinned memory
  std::int64_t kernels = 0;      // that ran
  std::int64_t graphs = 0;       // that were launched
  std::int64_t host_waits = 0;   // of a host thread for work that was not done yet
};
Usage usage();

}  // namespace slipway::simt
