#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "kernels/cpu/parallel.h"

namespace slipway::cpu {

/// The sum of body(begin, end) over chunks of [0, count) that depend on nothing but `count`, added in order:
/// the same bits for every thread count. `work` is the number of elements that the whole sum touches.
template <class Body>
double fixed_sum(const Stream& stream, std::int64_t count, std::int64_t work, Body&& body) {
  constexpr std::int64_t kChunks = 64;
  const std::int64_t chunk = (count + kChunks - 1) / kChunks;
  std::array<double, kChunks> partial{};
  Stream limited = stream;
  limited.threads = static_cast<int>(
      std::clamp<std::int64_t>(work / kParallelGrain, 1, std::max<std::int64_t>(1, stream.threads)));
  parallel_each(limited, kChunks, [&](std::int64_t i) {
    const std::int64_t begin = std::min(count, i * chunk), end = std::min(count, begin + chunk);
    if (begin < end) partial[static_cast<std::size_t>(i)] = body(begin, end);
  });
  double sum = 0;
  for (const double part : partial) sum += part;
  return sum;
}

}  // namespace slipway::cpu
