#pragma once

#include <cstdint>

namespace slipway {

/// What a kernel applies to its result before it stores it.
enum class Activation : std::uint8_t { none, relu };

}  // namespace slipway
