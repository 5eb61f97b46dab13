#pragma once

#include "kernels/cuda/simt.cuh"

namespace slipway::cuda {

// What the factors of a product are is said by small types, so that matrices and images seen as matrices
// share the kernels:
//   struct Operand {
//     using Accumulator = float;                 // in which products are summed
//     static constexpr bool kAlongInner = true;  // neighbours in memory are neighbours along k
//     struct Outer; Outer outer(int64 batch, int64 i);  // what all elements of row i of a, or column i of b,
//     share struct Inner; Inner inner(int64 k);               // what all elements of one k share Accumulator
//     load(const Outer&, const Inner&);     // called for indices inside the matrix only
//   };

/// Brings tiles of `kWidth` rows of a (or columns of b) by `kDepth` steps along k through registers into
/// shared memory, so that the next tile is on its way while the present one is multiplied. Where neighbours
/// lie along k, a thread takes `kRun` of them.
template <class Operand, int kWidth, int kDepth, int kThreads, int kRun = 1>
class TileLoader {
  static constexpr int kLoads = kWidth * kDepth / kThreads;
  static constexpr int kOuters = Operand::kAlongInner ? kLoads / kRun : 1;
  static constexpr int kThreadsAlongInner = kDepth / kRun;
  static_assert(kThreads % kThreadsAlongInner == 0 && kThreads % kWidth == 0 &&
                kWidth * kDepth % kThreads == 0);

 public:
  using Accumulator = typename Operand::Accumulator;

  /// `first` is the tile's first row or column, `count` how many there are.
  __device__ TileLoader(const Operand& operand, std::int64_t batch, std::int64_t first, std::int64_t count)
      : operand_(operand) {
#pragma unroll
    for (int i = 0; i < kOuters; ++i) {
      const std::int64_t index = first + outer_index(i * kRun);
      inside_[i] = index < count;
      outer_[i] = operand.outer(batch, inside_[i] ? index : 0);
    }
  }

  /// Reads this thread's elements at k and after; zeros from `k_end` on.
  __device__ void read(std::int64_t k, std::int64_t k_end) {
#pragma unroll
    for (int i = 0; i < kLoads; ++i) {
      const int o = Operand::kAlongInner ? i / kRun : 0;
      const std::int64_t inner = k + inner_index(i);
      staged_[i] =
          inside_[o] && inner < k_end ? operand_.load(outer_[o], operand_.inner(inner)) : Accumulator(0);
    }
  }
  /// Calls store(outer, inner, value) for what was read, with indices within the tile.
  template <class Store>
  __device__ void write(const Store& store) const {
#pragma unroll
    for (int i = 0; i < kLoads; ++i) store(outer_index(i), inner_index(i), staged_[i]);
  }
  /// The same, called for kRun neighbours along k at once: store(outer, inner of the first, values).
  template <class Store>
  __device__ void write_runs(const Store& store) const {
    static_assert(Operand::kAlongInner);
#pragma unroll
    for (int i = 0; i < kLoads; i += kRun) {
      Accumulator values[kRun];
#pragma unroll
      for (int k = 0; k < kRun; ++k) values[k] = staged_[i + k];
      store(outer_index(i), inner_index(i), values);
    }
  }

 private:
  __device__ static int outer_index(int i) {
    const int thread = static_cast<int>(threadIdx.x);
    return Operand::kAlongInner ? thread / kThreadsAlongInner + i / kRun * (kThreads / kThreadsAlongInner)
                                : thread % kWidth;
  }
  __device__ static int inner_index(int i) {
    const int thread = static_cast<int>(threadIdx.x);
    return Operand::kAlongInner ? thread % kThreadsAlongInner * kRun + i % kRun
                                : thread / kWidth + i * (kThreads / kWidth);
  }

  const Operand& operand_;
  typename Operand::Outer outer_[kOuters];
  bool inside_[kOuters];
  Accumulator staged_[kLoads];
};

}  // namespace slipway::cuda
