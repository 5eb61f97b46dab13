#pragma once

#include "kernels/activation.h"
#include "kernels/cuda/elements.cuh"
#include "kernels/cuda/simt.cuh"

namespace slipway::cuda {

/// [batch] matrices in memory as an operand of tile_product: `outer` strides along m (of a) or n (of b),
/// `inner` along k.
template <class T, bool kInnerContiguous>
struct Matrix {
  using Accumulator = AccumulatorOf<T>;
  static constexpr bool kAlongInner = kInnerContiguous;
  struct Outer {
    const T* start;
  };
  struct Inner {
    std::int64_t offset;
  };

  const T* data;
  std::int64_t stride;  // of the axis that is not contiguous, in elements
  std::int64_t batch_stride = 0;

  __device__ Outer outer(std::int64_t batch, std::int64_t i) const {
    return {data + batch * batch_stride + i * (kAlongInner ? stride : 1)};
  }
  __device__ Inner inner(std::int64_t k) const { return {k * (kAlongInner ? 1 : stride)}; }
  __device__ Accumulator load(const Outer& outer, const Inner& inner) const {
    return to_accumulator(outer.start[inner.offset]);
  }
};

/// Stores to dense y [batch, m, n]: y = activation(sum + bias[n]).
template <class T>
struct DenseResult {
  T* y;
  std::int64_t m, n;
  const T* bias = nullptr;  // [n] or null
  Activation activation = Activation::none;

  __device__ void operator()(std::int64_t batch, std::int64_t row, std::int64_t column,
                             AccumulatorOf<T> sum) const {
    if (bias) sum += to_accumulator(bias[column]);
    y[(batch * m + row) * n + column] = from_accumulator<T>(activate(activation, sum));
  }
};

}  // namespace slipway::cuda
