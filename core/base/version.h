#pragma once

#include <string>
#include <string_view>

namespace slipway {

/// The release of this library: "0.1.0".
std::string_view version();
/// How it was compiled: "Release, GCC 12.2.0, SIMD: AVX2 FMA AVX-512".
std::string build_description();

}  // namespace slipway
