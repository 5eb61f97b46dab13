#pragma once

#include "kernels/cuda/tensor_product.cuh"
#include "kernels/cuda/tile_product.cuh"

namespace slipway::cuda {

template <class T>
inline constexpr bool kOnTensorCores = sizeof(T) == 2;

/// Whether asynchronous copies can bring this operand: its lines begin and end at multiples of 16 bytes.
template <class Operand>
bool in_whole_chunks(const Operand&, std::int64_t) {
  return false;
}
template <class T, bool kInnerContiguous>
bool in_whole_chunks(const Matrix<T, kInnerContiguous>& matrix, std::int64_t line) {
  return reinterpret_cast<std::uintptr_t>(matrix.data) % 16 == 0 && matrix.stride % 8 == 0 &&
         matrix.batch_stride % 8 == 0 && line % 8 == 0;
}
template <class Operand>
inline constexpr bool kIsMatrix = false;
template <class T, bool kInnerContiguous>
inline constexpr bool kIsMatrix<Matrix<T, kInnerContiguous>> = true;

/// Enqueues y(m, n) = Σ_k a(m, k) b(k, n) and hands each sum to `result`; `scratch` holds
/// plan.scratch_bytes(). T is the factors' element type: tensor cores multiply 16-bit ones.
template <class T, class A, class B, class Result>
void run_product(const Stream& stream, const ProductPlan& plan, const A& a, const B& b, const Result& result,
                 std::byte* scratch) {
  using Accumulator = AccumulatorOf<T>;
  using To = PartResult<Result, Accumulator>;
  if (plan.count() == 0) return;
  const ProductSizes& sizes = plan.sizes;
  const To to{result, plan.parts > 1 ? reinterpret_cast<Accumulator*>(scratch) : nullptr, sizes};
  const auto multiply = [&](auto kernel, int threads) {
    launch(stream, {.grid = plan.grid(), .block = dim3(static_cast<unsigned>(threads))}, kernel, a, b, to,
           sizes, plan.k_part);
  };
  if constexpr (kOnTensorCores<T>) {
    bool copied = false;
    if constexpr (kIsMatrix<A> && kIsMatrix<B>) {
      copied = in_whole_chunks(a, A::kAlongInner ? sizes.k : sizes.m) &&
               in_whole_chunks(b, B::kAlongInner ? sizes.k : sizes.n);
      if (copied) multiply(tensor_product<T, CopiedTiles<T, A>, CopiedTiles<T, B>, A, B, To>, kTensorThreads);
    }
    if (!copied) multiply(tensor_product<T, StagedTiles<T, A>, StagedTiles<T, B>, A, B, To>, kTensorThreads);
  } else if constexpr (sizeof(T) == 4) {
    if (plan.edge == LargeTile::kEdge) {
      multiply(tile_product<LargeTile, A, B, To>, LargeTile::kThreads);
    } else {
      multiply(tile_product<SmallTile, A, B, To>, SmallTile::kThreads);
    }
  } else {
    multiply(tile_product<SmallTile, A, B, To>, SmallTile::kThreads);
  }
  if (plan.parts > 1) {
    launch(stream, elementwise_shape(stream, plan.count()), sum_parts<Result, Accumulator>, to, plan.parts);
  }
}

}  // namespace slipway::cuda
