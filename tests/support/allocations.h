#pragma once

#include <cstdint>

namespace slipway::test {

/// How often this process has called operator new so far; with sanitizers, malloc as well.
std::int64_t allocations();

}  // namespace slipway::test
