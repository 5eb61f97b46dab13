#pragma once

#include <algorithm>
#include <cstdint>

#include "core/tensor/device.h"

namespace slipway::cpu {

/// Elements below which a second thread costs more than it saves.
inline constexpr std::int64_t kParallelGrain = 16384;

/// The stream with no more threads than so many elements of work are worth.
inline Stream limited(const Stream& stream, std::int64_t elements) {
  Stream used = stream;
  used.threads = static_cast<int>(std::clamp<std::int64_t>(elements / kParallelGrain, 1, stream.threads));
  return used;
}

/// As many threads as arithmetic on float32 is worth: at least a tenth of a millisecond for each.
inline int threads_worth(const Stream& stream, double flops) {
  constexpr double kFlopsPerThread = 1.5e7;
  return std::max(1, static_cast<int>(std::min<double>(stream.threads, flops / kFlopsPerThread)));
}

/// Calls body(begin, end) over [0, count) in chunks of at least `grain`, spread over the stream's threads.
/// The chunks depend on the thread count: for loops without reductions. Each thread, also where there is one
/// only, works on its own copy of the body: what it captured by value is then known not to change where the
/// loop writes, and the loop vectorises.
template <class Body>
void parallel_for(const Stream& stream, std::int64_t count, std::int64_t grain, Body&& body) {
  const std::int64_t wanted = std::max<std::int64_t>(1, count / std::max<std::int64_t>(1, grain));
  const int threads = static_cast<int>(std::min<std::int64_t>(stream.threads, wanted));
  if (threads <= 1) {
    auto own = body;
    if (count > 0) own(std::int64_t{0}, count);
    return;
  }
  const std::int64_t chunk = ((count + threads - 1) / threads + 15) / 16 * 16;
#pragma omp parallel for num_threads(threads) schedule(static, 1) firstprivate(body)
  for (int t = 0; t < threads; ++t) {
    const std::int64_t begin = std::min(count, t * chunk), end = std::min(count, begin + chunk);
    if (begin < end) body(begin, end);
  }
}

/// Calls body(i) for every i of [0, count), spread over the stream's threads: for rows, channels, fixed
/// chunks. Each thread works on its own copy of the body.
template <class Body>
void parallel_each(const Stream& stream, std::int64_t count, Body&& body) {
  const int threads = static_cast<int>(std::min<std::int64_t>(stream.threads, count));
  if (threads <= 1) {
    auto own = body;
    for (std::int64_t i = 0; i < count; ++i) own(i);
    return;
  }
#pragma omp parallel for num_threads(threads) schedule(static) firstprivate(body)
  for (std::int64_t i = 0; i < count; ++i) body(i);
}

}  // namespace slipway::cpu
