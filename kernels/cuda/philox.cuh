#pragma once

#include "core/base/random.h"
#include "kernels/cuda/simt.cuh"

namespace slipway::cuda {

/// Four words of Philox4x32-10.
struct PhiloxWords {
  std::uint32_t values[4];
};

/// The `index`-th block of a key and stream: the bits of core/base/random.h.
__device__ inline PhiloxWords philox(std::uint64_t key, std::uint64_t stream, std::uint64_t index) {
  std::uint32_t c0 = static_cast<std::uint32_t>(index), c1 = static_cast<std::uint32_t>(index >> 32);
  std::uint32_t c2 = static_cast<std::uint32_t>(stream), c3 = static_cast<std::uint32_t>(stream >> 32);
  std::uint32_t k0 = static_cast<std::uint32_t>(key), k1 = static_cast<std::uint32_t>(key >> 32);
#pragma unroll
  for (int round = 0; round < Philox::kRounds; ++round) {
    const std::uint64_t p0 = std::uint64_t{Philox::kMultiplier0} * c0,
                        p1 = std::uint64_t{Philox::kMultiplier1} * c2;
    c0 = static_cast<std::uint32_t>(p1 >> 32) ^ c1 ^ k0;
    c1 = static_cast<std::uint32_t>(p1);
    c2 = static_cast<std::uint32_t>(p0 >> 32) ^ c3 ^ k1;
    c3 = static_cast<std::uint32_t>(p0);
    k0 += Philox::kWeyl0;
    k1 += Philox::kWeyl1;
  }
  return {{c0, c1, c2, c3}};
}

}  // namespace slipway::cuda
