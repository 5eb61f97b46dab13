#pragma once

#include <array>
#include <charconv>
#include <string>

namespace slipway {

/// The shortest text that reads back as the same number of this type.
template <class Number>
std::string shortest(Number value) {
  std::array<char, 32> buffer;
  return {buffer.data(), std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr};
}

}  // namespace slipway
