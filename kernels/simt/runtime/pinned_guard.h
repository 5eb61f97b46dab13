#pragma once

#include <cstdint>

#include "kernels/simt/runtime/memory_map.h"

namespace slipway::simt {

/// Fills the target of a copy that has not run with NaNs, which a host that reads it too early then sees.
void poison(const Region& region);

/// Tells whether the source of a copy has changed since the copy was asked for.
std::uint64_t digest(const Region& region);

}  // namespace slipway::simt
