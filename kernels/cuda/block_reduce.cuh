#pragma once

#include <type_traits>

#include "kernels/cuda/elements.cuh"

namespace slipway::cuda {

// Reductions in an order that depends on the number of threads only: the same bits every time.

inline constexpr unsigned kAllLanes = 0xffffffffu;
inline constexpr int kWarpThreads = 32;
inline constexpr int kMostWarps = 32;  // of a block

/// exchange(value) where T is a number. A struct exchanges its members one by one: it has
/// `template <class Exchange> Struct exchanged(Exchange) const`.
template <class T, class Exchange>
__device__ inline T exchange_lanes(const T& value, Exchange exchange) {
  if constexpr (std::is_arithmetic_v<T>)
    return exchange(value);
  else
    return value.exchanged(exchange);
}

struct FromOther {  // the lane whose number differs by `mask`
  int mask;
  template <class T>
  __device__ T operator()(T value) const {
    return __shfl_xor_sync(kAllLanes, value, mask);
  }
};
struct FromFirst {
  template <class T>
  __device__ T operator()(T value) const {
    return __shfl_sync(kAllLanes, value, 0);
  }
};

/// All lanes' values combined; every lane gets the same result.
template <class T, class Combine>
__device__ inline T warp_reduce(T value, Combine combine) {
#pragma unroll
  for (int mask = kWarpThreads / 2; mask > 0; mask /= 2) {
    value = combine(value, exchange_lanes(value, FromOther{mask}));
  }
  // What adds products need not be symmetric to the last bit.
  if constexpr (!std::is_arithmetic_v<T>) value = exchange_lanes(value, FromFirst());
  return value;
}

/// All threads' values of a team combined; every thread gets the result. Row threadIdx.y of the block is a
/// team of blockDim.x threads, a multiple of 32, and all teams must call. `shared` holds a value for each
/// warp of the block, and may be used again at once.
template <class T, class Combine>
__device__ inline T team_reduce(T value, Combine combine, T* shared) {
  value = warp_reduce(value, combine);
  const int warps = static_cast<int>(blockDim.x) / kWarpThreads;
  if (warps == 1) return value;
  T* const team = shared + static_cast<int>(threadIdx.y) * warps;
  const int lane = static_cast<int>(threadIdx.x) % kWarpThreads;
  if (lane == 0) team[threadIdx.x / kWarpThreads] = value;
  __syncthreads();
  value = team[0];
  for (int warp = 1; warp < warps; ++warp)
    value = combine(value, team[warp]);  // by all alike: one broadcast a warp
  __syncthreads();
  return value;
}

struct Add {
  template <class T>
  __device__ T operator()(const T& a, const T& b) const {
    return a + b;
  }
};

/// NaN if one of them is.
struct Largest {
  template <class T>
  __device__ T operator()(T a, T b) const {
    return a > b || a != a ? a : b;
  }
};

template <class T>
__device__ inline T warp_sum(T value) {
  return warp_reduce(value, Add());
}
/// The sum over a one-dimensional block; `shared` as in team_reduce.
template <class T>
__device__ inline T block_sum(T value, T* shared) {
  return team_reduce(value, Add(), shared);
}
template <class T>
__device__ inline T block_max(T value, T* shared) {
  return team_reduce(value, Largest(), shared);
}

/// Count, mean, and sum of squared deviations from the mean. Begins as {}.
template <class A>
struct Moments {
  A count, mean, squares;

  template <class Exchange>
  __device__ Moments exchanged(Exchange exchange) const {
    return {exchange(count), exchange(mean), exchange(squares)};
  }
};

/// Welford's update, of groups (Chan, Golub and LeVeque, 1983): no cancellation where the mean is large.
struct MergeMoments {
  template <class A>
  __device__ Moments<A> operator()(const Moments<A>& a, const Moments<A>& b) const {
    const A count = a.count + b.count;
    if (count == A(0)) return a;
    const A delta = b.mean - a.mean, share = b.count / count;
    return {count, a.mean + delta * share, a.squares + b.squares + delta * delta * a.count * share};
  }
};

template <class T, int kWidth>
__device__ inline Moments<AccumulatorOf<T>> moments_of(const Pack<T, kWidth>& pack) {
  using A = AccumulatorOf<T>;
  A sum = 0, squares = 0;
#pragma unroll
  for (int k = 0; k < kWidth; ++k) sum += to_accumulator(pack.values[k]);
  const A mean = sum / A(kWidth);
#pragma unroll
  for (int k = 0; k < kWidth; ++k) {
    const A deviation = to_accumulator(pack.values[k]) - mean;
    squares += deviation * deviation;
  }
  return {A(kWidth), mean, squares};
}

/// Two sums that are found together.
template <class T>
struct SumPair {
  T first, second;

  __device__ SumPair operator+(const SumPair& other) const {
    return {first + other.first, second + other.second};
  }
  template <class Exchange>
  __device__ SumPair exchanged(Exchange exchange) const {
    return {exchange(first), exchange(second)};
  }
};

}  // namespace slipway::cuda
