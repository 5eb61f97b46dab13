#pragma once

#include "kernels/cuda/matrix_operands.cuh"
#include "kernels/cuda/product_plan.cuh"
#include "kernels/cuda/tensor_core.cuh"
#include "kernels/cuda/tile_loader.cuh"

namespace slipway::cuda {

// y(m, n) = Σ_k a(m, k) b(k, n) on tensor cores, for factors of 16 bits or rounded to TF32: a block of 2 x 4
// warps keeps a tile of 128 x 128 sums, each warp 64 x 32 of them, and walks along k by 64 bytes with two
// pairs of tiles in shared memory.

inline constexpr int kTensorEdge = static_cast<int>(ProductPlan::kLargeEdge);
inline constexpr int kTensorThreads = 256;

/// Factors of type T: __half, __nv_bfloat16 or Tf32.
template <class T>
struct TensorFactor {
  static constexpr bool kRounded = std::is_same_v<T, Tf32>;      // on the way from shared memory
  using Element = std::conditional_t<kRounded, float, T>;        // in memory
  static constexpr int kChunk = kPackSize<Element>;              // elements of 16 bytes
  static constexpr int kDepth = 4 * kChunk, kStep = 2 * kChunk;  // along k: of a tile, of an instruction
};

/// A tile in shared memory, in the order of its operand: [outer][k] if neighbours lie along k, else
/// [k][outer]. No two of eight chunks that are read from eight lines, or written side by side, share a bank,
/// nor do eight floats of each of four lines: long lines are eight elements longer than what they hold; of
/// short ones, which would not do for writing, two lie beside each other, and each pair has its chunks in
/// another order.
template <class T, bool kAlongInner>
struct TensorTile {
  using Factor = TensorFactor<T>;
  using Element = typename Factor::Element;
  static constexpr int kChunk = Factor::kChunk;
  static constexpr int kLines = kAlongInner ? kTensorEdge : Factor::kDepth;
  static constexpr int kLength = kAlongInner ? Factor::kDepth : kTensorEdge;
  static constexpr int kPadding = 8;
  static constexpr int kStride = kAlongInner ? kLength : kLength + kPadding;
  // Not elements, which a simulated GPU would have to construct.
  alignas(16) std::uint16_t bits[kLines * kStride * sizeof(Element) / sizeof(std::uint16_t)];

  __device__ Element* at(int outer, int inner) {
    if constexpr (kAlongInner) {
      constexpr int kChunks = kLength / kChunk;
      const int chunk = (inner / kChunk) ^ (outer / 2 % kChunks);
      return reinterpret_cast<Element*>(bits) + outer * kStride + chunk * kChunk + inner % kChunk;
    } else {
      return reinterpret_cast<Element*>(bits) + inner * kStride + outer;
    }
  }
  /// The fragments of 16 rows (or columns) from `outer` on and one instruction's steps from `inner` on:
  /// register pairs {0, 2} and {1, 3} are the first and second half of the rows, each its first and last
  /// steps.
  __device__ void fragments(int outer, int inner, std::uint32_t (&registers)[4]) {
    constexpr int kHalf = Factor::kStep / 2;
    const int lane = static_cast<int>(threadIdx.x) % 32, line = lane % 8, matrix = lane / 8;
    if constexpr (kAlongInner) {
      load_matrices<false>(registers, at(outer + matrix % 2 * 8 + line, inner + matrix / 2 * kHalf));
    } else if constexpr (sizeof(Element) == 2) {
      load_matrices<true>(registers, at(outer + matrix % 2 * 8, inner + matrix / 2 * kHalf + line));
    } else {  // ldmatrix transposes pairs of bytes only
#pragma unroll
      for (int i = 0; i < 4; ++i)
        registers[i] = __float_as_uint(*at(outer + i % 2 * 8 + lane / 4, inner + i / 2 * kHalf + lane % 4));
    }
    if constexpr (Factor::kRounded) {
#pragma unroll
      for (int i = 0; i < 4; ++i) registers[i] = round_to_tf32(registers[i]);
    }
  }
};

/// Brings tiles of any operand through registers.
template <class T, class Operand>
class StagedTiles {
 public:
  using Tile = TensorTile<T, Operand::kAlongInner>;
  using Element = typename Tile::Element;
  __device__ StagedTiles(const Operand& operand, std::int64_t batch, std::int64_t first, std::int64_t count)
      : loader_(operand, batch, first, count) {}
  __device__ void start(Tile&, std::int64_t k, std::int64_t k_end) { loader_.read(k, k_end); }
  __device__ void finish(Tile& tile) {
    if constexpr (Operand::kAlongInner) {
      loader_.write_runs([&](int outer, int inner, const float(&values)[Tile::kChunk]) {
        Pack<Element, Tile::kChunk> pack;
#pragma unroll
        for (int k = 0; k < Tile::kChunk; ++k) pack.values[k] = from_accumulator<Element>(values[k]);
        store_pack(tile.at(outer, inner), pack);
      });
    } else {
      loader_.write([&](int outer, int inner, float value) {
        *tile.at(outer, inner) = from_accumulator<Element>(value);
      });
    }
  }

 private:
  TileLoader<Operand, kTensorEdge, TensorFactor<T>::kDepth, kTensorThreads, Tile::kChunk> loader_;
};

/// Brings tiles of a matrix whose lines are multiples of 16 bytes by asynchronous copies.
template <class T, class Operand>
class CopiedTiles {
 public:
  using Tile = TensorTile<T, Operand::kAlongInner>;
  __device__ CopiedTiles(const Operand& operand, std::int64_t batch, std::int64_t first, std::int64_t count)
      : operand_(operand), batch_(batch), first_(first), count_(count) {}
  __device__ void start(Tile& tile, std::int64_t k, std::int64_t k_end) {
    constexpr int kPerLine = Tile::kLength / Tile::kChunk;
#pragma unroll
    for (int i = 0; i < Tile::kLines * kPerLine / kTensorThreads; ++i) {
      const int chunk = static_cast<int>(threadIdx.x) + i * kTensorThreads;
      const int line = chunk / kPerLine, place = chunk % kPerLine * Tile::kChunk;
      const int outer = Operand::kAlongInner ? line : place, inner = Operand::kAlongInner ? place : line;
      const bool inside = first_ + outer < count_ && k + inner < k_end;
      const auto* from = inside
                             ? operand_.outer(batch_, first_ + outer).start + operand_.inner(k + inner).offset
                             : operand_.data;
      copy_async_16(tile.at(outer, inner), from, inside ? 16 : 0);
    }
    commit_copies();
  }
  __device__ void finish(Tile&) { wait_for_copies<0>(); }

 private:
  const Operand& operand_;
  std::int64_t batch_, first_, count_;
};

/// The sums of one warp: 4 x 4 fragments of 16 x 8.
struct WarpSums {
  static constexpr int kRows = 4, kColumns = 4;
  float d[kRows][kColumns][4] = {};

  template <class T, class ATile, class BTile>
  __device__ void add_product(ATile& a, BTile& b, int row, int column) {
#pragma unroll
    for (int k = 0; k < TensorFactor<T>::kDepth; k += TensorFactor<T>::kStep) {
      std::uint32_t right[kColumns][2];
#pragma unroll
      for (int j = 0; j < kColumns; j += 2) {
        std::uint32_t registers[4];
        b.fragments(column + j * 8, k, registers);
        right[j][0] = registers[0];
        right[j][1] = registers[2];
        right[j + 1][0] = registers[1];
        right[j + 1][1] = registers[3];
      }
#pragma unroll
      for (int i = 0; i < kRows; ++i) {
        std::uint32_t left[4];
        a.fragments(row + i * 16, k, left);
#pragma unroll
        for (int j = 0; j < kColumns; ++j) mma_16x8<T>(d[i][j], left, right[j]);
      }
    }
  }

  template <class Result>
  __device__ void store(const Result& result, std::int64_t batch, std::int64_t m, std::int64_t n,
                        const ProductSizes& sizes) const {
    const int lane = static_cast<int>(threadIdx.x) % 32;
#pragma unroll
    for (int i = 0; i < kRows; ++i) {
#pragma unroll
      for (int j = 0; j < kColumns; ++j) {
#pragma unroll
        for (int r = 0; r < 4; ++r) {
          const std::int64_t row = m + i * 16 + lane / 4 + r / 2 * 8,
                             column = n + j * 8 + lane % 4 * 2 + r % 2;
          if (row < sizes.m && column < sizes.n) result(batch, row, column, d[i][j][r]);
        }
      }
    }
  }
};

// Left to itself, ptxas spills registers to fit more blocks: one a multiprocessor may use them all.
template <class T, class ATiles, class BTiles, class A, class B, class Result>
__global__ void __launch_bounds__(kTensorThreads, 1)
    tensor_product(const A a, const B b, const Result result, const ProductSizes sizes,
                   const std::int64_t k_part) {
  constexpr int kDepth = TensorFactor<T>::kDepth;
  __shared__ __align__(16) typename ATiles::Tile a_tiles[2];
  __shared__ __align__(16) typename BTiles::Tile b_tiles[2];
  const std::int64_t tiles_along_n = (sizes.n + kTensorEdge - 1) / kTensorEdge;
  const std::int64_t m_begin = blockIdx.x / tiles_along_n * kTensorEdge;
  const std::int64_t n_begin = blockIdx.x % tiles_along_n * kTensorEdge;
  const std::int64_t k_begin = blockIdx.y * k_part;
  const std::int64_t k_end = k_begin + k_part < sizes.k ? k_begin + k_part : sizes.k;
  const int warp = static_cast<int>(threadIdx.x) / 32, row = warp / 4 * 64, column = warp % 4 * 32;
  for (std::int64_t batch = blockIdx.z; batch < sizes.batch; batch += gridDim.z) {
    ATiles a_source(a, batch, m_begin, sizes.m);
    BTiles b_source(b, batch, n_begin, sizes.n);
    WarpSums sums;
    a_source.start(a_tiles[0], k_begin, k_end);
    b_source.start(b_tiles[0], k_begin, k_end);
    a_source.finish(a_tiles[0]);
    b_source.finish(b_tiles[0]);
    __syncthreads();
    int current = 0;
    for (std::int64_t k = k_begin; k < k_end; k += kDepth) {
      const bool more = k + kDepth < k_end;
      if (more) {
        a_source.start(a_tiles[current ^ 1], k + kDepth, k_end);
        b_source.start(b_tiles[current ^ 1], k + kDepth, k_end);
      }
      sums.template add_product<T>(a_tiles[current], b_tiles[current], row, column);
      if (more) {
        a_source.finish(a_tiles[current ^ 1]);
        b_source.finish(b_tiles[current ^ 1]);
      }
      __syncthreads();
      current ^= 1;
    }
    sums.store(result, batch, m_begin + row, n_begin + column, sizes);
  }
}

}  // namespace slipway::cuda
