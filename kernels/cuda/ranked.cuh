#pragma once

#include <limits>

#include "kernels/cuda/block_reduce.cuh"

namespace slipway::cuda {

/// An element of a line and its place. The greater one comes first, of equal ones the first, NaN before all.
template <class A>
struct Ranked {
  A value;
  std::int64_t place;

  /// Comes after every element.
  static __device__ Ranked none() {
    return {-std::numeric_limits<A>::infinity(), std::numeric_limits<std::int64_t>::max()};
  }
  __device__ bool before(const Ranked& other) const {
    const bool is_nan = value != value, other_is_nan = other.value != other.value;
    if (is_nan || other_is_nan) return is_nan && (!other_is_nan || place < other.place);
    return value > other.value || (value == other.value && place < other.place);
  }
  template <class Exchange>
  __device__ Ranked exchanged(Exchange exchange) const {
    return {exchange(value), exchange(place)};
  }
};

struct First {
  template <class A>
  __device__ Ranked<A> operator()(const Ranked<A>& a, const Ranked<A>& b) const {
    return b.before(a) ? b : a;
  }
};

}  // namespace slipway::cuda
