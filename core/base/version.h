#pragma once

#include <string_view>

namespace slipway {

/// The release of this library: "0.1.0".
std::string_view version();

}  // namespace slipway
