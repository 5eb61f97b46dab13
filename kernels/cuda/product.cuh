#pragma once

#include "kernels/cuda/tensor_product.cuh"
#include "kernels/cuda/tile_product.cuh"

namespace slipway::cuda {

/// Whether asynchronous copies can bring this operand: its lines begin and end at multiples of 16 bytes.
template <class Operand>
bool in_whole_chunks(const Operand&, std::int64_t) {
  return false;
}
template <class T, bool kInnerContiguous>
bool in_whole_chunks(const Matrix<T, kInnerContiguous>& matrix, std::int64_t line) {
  return reinterpret_cast<std::uintptr_t>(matrix.data) % 16 == 0 && matrix.stride % kPackSize<T> == 0 &&
         matrix.batch_stride % kPackSize<T> == 0 && line % kPackSize<T> == 0;
}
template <class Operand>
inline constexpr bool kIsMatrix = false;
template <class T, bool kInnerContiguous>
inline constexpr bool kIsMatrix<Matrix<T, kInnerContiguous>> = true;

/// The kernel that multiplies factors of type T, see TensorFactor, on tensor cores: launch_with(kernel,
/// threads).
template <class T, class Result, class A, class B, class Launch>
void on_tensor_cores(const ProductSizes& sizes, const A& a, const B& b, const Launch& launch_with) {
  if constexpr (kIsMatrix<A> && kIsMatrix<B>) {
    if (in_whole_chunks(a, A::kAlongInner ? sizes.k : sizes.m) &&
        in_whole_chunks(b, B::kAlongInner ? sizes.k : sizes.n)) {
      launch_with(tensor_product<T, CopiedTiles<T, A>, CopiedTiles<T, B>, A, B, Result>, kTensorThreads);
      return;
    }
  }
  launch_with(tensor_product<T, StagedTiles<T, A>, StagedTiles<T, B>, A, B, Result>, kTensorThreads);
}

/// Enqueues y(m, n) = Σ_k a(m, k) b(k, n) and hands each sum to `result`; `scratch` holds
/// plan.scratch_bytes(). T is the factors' element type: tensor cores multiply 16-bit ones, and float32 where
/// the plan allows that to be rounded.
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
  if constexpr (sizeof(T) == 2) {
    on_tensor_cores<T, To>(sizes, a, b, multiply);
  } else if constexpr (sizeof(T) == 4) {
    if (plan.unit == ProductUnit::tensor_cores) {
      on_tensor_cores<Tf32, To>(sizes, a, b, multiply);
    } else if (plan.edge == LargeTile::kEdge) {
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
