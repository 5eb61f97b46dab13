#pragma once

#include "kernels/cuda/block_reduce.cuh"
#include "kernels/cuda/math.cuh"

namespace slipway::cuda {

/// The greatest value so far and Σ e^(x - greatest), in one pass (Milakov and Gimelshein, 2018). It starts
/// below every finite number, not at -infinity, so that -infinity is a number like others: e^-infinity = 0. A
/// NaN ends up in the sum.
template <class A>
struct OnlineSoftmax {
  A top, sum;

  static __device__ OnlineSoftmax empty() { return {lowest(), A(0)}; }

  __device__ void add(A x) {
    rise(x);
    sum += exponential(x - top);
  }
  /// All of a pack with one correction of the sum.
  template <class T, int kWidth>
  __device__ void add(const Pack<T, kWidth>& pack) {
    A greatest = lowest();
#pragma unroll
    for (int k = 0; k < kWidth; ++k) {
      const A x = to_accumulator(pack.values[k]);
      greatest = x > greatest ? x : greatest;
    }
    rise(greatest);
#pragma unroll
    for (int k = 0; k < kWidth; ++k) sum += exponential(to_accumulator(pack.values[k]) - top);
  }
  template <class Exchange>
  __device__ OnlineSoftmax exchanged(Exchange exchange) const {
    return {exchange(top), exchange(sum)};
  }

 private:
  static __device__ A lowest() {
    if constexpr (sizeof(A) == sizeof(float))
      return A(-3.402823466e38f);
    else
      return A(-1.7976931348623157e308);
  }
  __device__ void rise(A x) {
    if (!(x > top)) return;
    sum *= exponential(top - x);
    top = x;
  }
};

struct MergeSoftmax {
  template <class A>
  __device__ OnlineSoftmax<A> operator()(const OnlineSoftmax<A>& a, const OnlineSoftmax<A>& b) const {
    const A top = a.top > b.top ? a.top : b.top;
    return {top, a.sum * exponential(a.top - top) + b.sum * exponential(b.top - top)};
  }
};

}  // namespace slipway::cuda
