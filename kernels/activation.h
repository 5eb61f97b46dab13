#pragma once

#include <cstdint>

namespace slipway {

/// What a kernel applies to its result before it stores it. relu of NaN may be NaN or 0: oneDNN's is 0.
enum class Activation : std::uint8_t { none, relu };

}  // namespace slipway
