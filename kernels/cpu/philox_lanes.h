#pragma once

#include <cstdint>

#include "core/base/random.h"

namespace slipway::cpu {

/// kLanes consecutive Philox blocks side by side, in vector registers: words[j][l] is word j of block first +
/// l.
struct PhiloxLanes {
  static constexpr int kLanes = 16;
  static constexpr int kWords = 4 * kLanes;
  alignas(64) std::uint32_t words[4][kLanes];

  void draw(const Philox& source, std::uint64_t first) {
    std::uint32_t k0 = static_cast<std::uint32_t>(source.key),
                  k1 = static_cast<std::uint32_t>(source.key >> 32);
    std::uint32_t *c0 = words[0], *c1 = words[1], *c2 = words[2], *c3 = words[3];
    for (int l = 0; l < kLanes; ++l) {
      const std::uint64_t index = first + static_cast<std::uint64_t>(l);
      c0[l] = static_cast<std::uint32_t>(index);
      c1[l] = static_cast<std::uint32_t>(index >> 32);
      c2[l] = static_cast<std::uint32_t>(source.stream);
      c3[l] = static_cast<std::uint32_t>(source.stream >> 32);
    }
    for (int round = 0; round < 10; ++round) {
#pragma omp simd
      for (int l = 0; l < kLanes; ++l) {
        const std::uint64_t p0 = std::uint64_t{0xD2511F53u} * c0[l], p1 = std::uint64_t{0xCD9E8D57u} * c2[l];
        c0[l] = static_cast<std::uint32_t>(p1 >> 32) ^ c1[l] ^ k0;
        c1[l] = static_cast<std::uint32_t>(p1);
        c2[l] = static_cast<std::uint32_t>(p0 >> 32) ^ c3[l] ^ k1;
        c3[l] = static_cast<std::uint32_t>(p0);
      }
      k0 += 0x9E3779B9u;
      k1 += 0xBB67AE85u;
    }
  }
};

}  // namespace slipway::cpu
