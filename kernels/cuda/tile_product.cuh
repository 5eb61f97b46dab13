#pragma once

#include "kernels/cuda/product_plan.cuh"
#include "kernels/cuda/tile_loader.cuh"

namespace slipway::cuda {

/// How one block of tile_product shares a tile of y among its threads.
template <int kEdgeCount, int kDepthCount, int kPerThread>
struct Tile {
  static constexpr int kEdge = kEdgeCount;    // rows and columns of y
  static constexpr int kDepth = kDepthCount;  // steps along k
  static constexpr int kThreadEdge = kPerThread;
  static constexpr int kThreadsAlong = kEdge / kThreadEdge;
  static constexpr int kThreads = kThreadsAlong * kThreadsAlong;
  /// Rows of shared memory start 16 bytes, four banks, further on: what 32 threads write at once, eight steps
  /// along k of four rows (of two, if they are 8 bytes wide), lies in different banks.
  template <class Accumulator>
  static constexpr int kStride = kEdge + 16 / static_cast<int>(sizeof(Accumulator));
};
using LargeTile = Tile<ProductPlan::kLargeEdge, 8, 8>;
using SmallTile = Tile<ProductPlan::kSmallEdge, 8, 4>;

/// Adds the products of one pair of tiles to the sums of this thread: rows side by side, columns interleaved
/// with those of its neighbours, so that both reading b and writing y touch whole lines.
template <class Shape, class Accumulator>
__device__ inline void multiply_tiles(
    const Accumulator (&a)[Shape::kDepth][Shape::template kStride<Accumulator>],
    const Accumulator (&b)[Shape::kDepth][Shape::template kStride<Accumulator>],
    Accumulator (&sums)[Shape::kThreadEdge][Shape::kThreadEdge]) {
  constexpr int kCount = Shape::kThreadEdge;
  const int row = static_cast<int>(threadIdx.x) / Shape::kThreadsAlong * kCount;
  const int column = static_cast<int>(threadIdx.x) % Shape::kThreadsAlong;
#pragma unroll
  for (int k = 0; k < Shape::kDepth; ++k) {
    Accumulator left[kCount], right[kCount];
#pragma unroll
    for (int i = 0; i < kCount; ++i) left[i] = a[k][row + i];
#pragma unroll
    for (int j = 0; j < kCount; ++j) right[j] = b[k][column + j * Shape::kThreadsAlong];
#pragma unroll
    for (int i = 0; i < kCount; ++i) {
#pragma unroll
      for (int j = 0; j < kCount; ++j) sums[i][j] += left[i] * right[j];
    }
  }
}

/// y(m, n) = Σ_k a(m, k) b(k, n): each block keeps a tile of y in registers and walks along k with tiles of a
/// and b in shared memory, two each. Result: void operator()(batch, m, n, sum) const.
// Left to itself, ptxas spills registers to fit more blocks: one a multiprocessor may use them all.
template <class Shape, class A, class B, class Result>
__global__ void __launch_bounds__(Shape::kThreads, 1)
    tile_product(const A a, const B b, const Result result, const ProductSizes sizes,
                 const std::int64_t k_part) {
  using Accumulator = typename A::Accumulator;
  using LoadA = TileLoader<A, Shape::kEdge, Shape::kDepth, Shape::kThreads>;
  using LoadB = TileLoader<B, Shape::kEdge, Shape::kDepth, Shape::kThreads>;
  constexpr int kStride = Shape::template kStride<Accumulator>;
  __shared__ __align__(16) Accumulator a_tiles[2][Shape::kDepth][kStride];
  __shared__ __align__(16) Accumulator b_tiles[2][Shape::kDepth][kStride];

  const std::int64_t tiles_along_n = (sizes.n + Shape::kEdge - 1) / Shape::kEdge;
  const std::int64_t m_begin = blockIdx.x / tiles_along_n * Shape::kEdge;
  const std::int64_t n_begin = blockIdx.x % tiles_along_n * Shape::kEdge;
  const std::int64_t k_begin = blockIdx.y * k_part;
  const std::int64_t k_end = k_begin + k_part < sizes.k ? k_begin + k_part : sizes.k;
  const std::int64_t row = m_begin + threadIdx.x / Shape::kThreadsAlong * Shape::kThreadEdge;
  const std::int64_t column = n_begin + threadIdx.x % Shape::kThreadsAlong;
  for (std::int64_t batch = blockIdx.z; batch < sizes.batch; batch += gridDim.z) {
    LoadA load_a(a, batch, m_begin, sizes.m);
    LoadB load_b(b, batch, n_begin, sizes.n);
    Accumulator sums[Shape::kThreadEdge][Shape::kThreadEdge] = {};
    load_a.read(k_begin, k_end);
    load_b.read(k_begin, k_end);
    int current = 0;
    for (std::int64_t k = k_begin; k < k_end; k += Shape::kDepth) {
      load_a.write([&](int outer, int inner, Accumulator value) { a_tiles[current][inner][outer] = value; });
      load_b.write([&](int outer, int inner, Accumulator value) { b_tiles[current][inner][outer] = value; });
      __syncthreads();
      if (k + Shape::kDepth < k_end) {
        load_a.read(k + Shape::kDepth, k_end);
        load_b.read(k + Shape::kDepth, k_end);
      }
      multiply_tiles<Shape>(a_tiles[current], b_tiles[current], sums);
      current ^= 1;  // a slower thread may still read the tiles just used; the next ones go to the other half
    }
    __syncthreads();
#pragma unroll
    for (int i = 0; i < Shape::kThreadEdge; ++i) {
#pragma unroll
      for (int j = 0; j < Shape::kThreadEdge; ++j) {
        const std::int64_t n = column + j * Shape::kThreadsAlong;
        if (row + i < sizes.m && n < sizes.n) result(batch, row + i, n, sums[i][j]);
      }
    }
  }
}

}  // namespace slipway::cuda
