#include "core/base/random.h"

#include <cmath>
#include <numbers>

namespace slipway {

std::uint64_t random_key(std::uint64_t seed, std::string_view purpose) {
  std::uint64_t hash = 0xcbf29ce484222325ull;
  for (const char c : purpose) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
  std::uint64_t z = seed + hash + 0x9e3779b97f4a7c15ull;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return z ^ (z >> 31);
}

std::uint32_t RandomSequence::word() {
  if (used_ == 4) {
    block_ = source_(next_++);
    used_ = 0;
  }
  return block_[static_cast<std::size_t>(used_++)];
}

double RandomSequence::uniform() {
  const std::uint64_t high = word();
  return static_cast<double>(((high << 32) | word()) >> 11) * 0x1p-53;
}

double RandomSequence::normal() {
  const double radius = std::sqrt(-2.0 * std::log1p(-uniform()));
  return radius * std::cos(2.0 * std::numbers::pi * uniform());
}

std::uint64_t RandomSequence::below(std::uint64_t bound) {
  const std::uint64_t threshold = -bound % bound;  // reject the part that would be drawn once too often
  for (;;) {
    const std::uint64_t high = word();
    const std::uint64_t draw = (high << 32) | word();
    if (draw >= threshold) return draw % bound;
  }
}

}  // namespace slipway
