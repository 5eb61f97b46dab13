#include "kernels/simt/runtime/pinned_guard.h"

#include <cstring>

namespace slipway::simt {
namespace {

constexpr int kPoison = 0xff;  // every float format reads it as NaN

}  // namespace

void poison(const Region& region) { std::memset(region.data(), kPoison, region.bytes); }

std::uint64_t digest(const Region& region) {
  std::uint64_t state = region.bytes;
  const auto mix = [&state](std::uint64_t word) {
    state = (state ^ word) * 0x9e3779b97f4a7c15u;
    state ^= state >> 32;
  };
  const std::byte* data = region.data();
  std::size_t offset = 0;
  for (; offset + sizeof(std::uint64_t) <= region.bytes; offset += sizeof(std::uint64_t)) {
    std::uint64_t word;
    std::memcpy(&word, data + offset, sizeof word);
    mix(word);
  }
  for (; offset < region.bytes; ++offset) mix(std::to_integer<std::uint64_t>(data[offset]));
  return state;
}

}  // namespace slipway::simt
