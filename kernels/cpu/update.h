#pragma once

#include <algorithm>
#include <cmath>

#include "kernels/cpu/parallel.h"
#include "kernels/optimizer.h"

namespace slipway::cpu {

/// Calls body(segment, begin, end) for every part of a segment, spread over the threads, unless the gradient
/// scale says that this update is to be skipped. Elements are independent of each other.
template <class Body>
void for_each_part(const Stream& stream, const UpdateArgs& args, Body&& body) {
  if (args.segments.empty() || (args.gradient_scale && !std::isfinite(*args.gradient_scale))) return;
  const std::int64_t first = args.segments.front().begin, count = args.segments.back().end - first;
  parallel_for(stream, count, kParallelGrain, [&](std::int64_t begin, std::int64_t end) {
    for (const Segment& segment : args.segments) {
      const std::int64_t from = std::max(segment.begin, first + begin),
                         to = std::min(segment.end, first + end);
      if (from < to) body(segment, from, to);
    }
  });
}

inline double gradient_scale(const UpdateArgs& args) {
  return args.gradient_scale ? static_cast<double>(*args.gradient_scale) : 1.0;
}

}  // namespace slipway::cpu
