#pragma once

#include <cstddef>

namespace slipway::simt {

/// Ends all that the process has on the simulated devices; the next call of the runtime finds new devices,
/// made from the settings.
void restart();

/// Reports what the program has not released of memory, streams, events and graphs; returns how many things.
std::size_t report_leaks();

}  // namespace slipway::simt
