#pragma once

#include <algorithm>
#include <array>
#include <type_traits>

#include "kernels/cuda/block_reduce.cuh"
#include "kernels/cuda/divisor.cuh"
#include "kernels/window2d.h"

namespace slipway::cuda {

// Windows over row-major images of which a thread owns a pack of neighbours in a row, not a single pixel. It
// reads a whole pack of each row that its windows meet, and gets what they reach into the packs beside it
// from the lanes that own those: a warp's accesses are wide, and lie side by side.

/// Windows as a problem describes them, and the lengths of the rows that they lead from and to.
struct RowWindowProblem {
  std::array<std::int64_t, 2> kernel;
  Window2d window;
  std::int64_t input_columns, output_columns;
};

/// Square windows over rows that have an output for every `kStep` inputs.
template <int kSize, int kStep, int kPad>
struct RowWindow {
  static constexpr int kKernel = kSize, kStride = kStep, kPadding = kPad;
  // Beside the inputs kStride o, ..., kStride o + kStride - 1 of some outputs o, their windows meet so many.
  static constexpr int kInputsBefore = kPadding, kInputsAfter = kKernel - kStride - kPadding;
  // Beside the outputs o of such inputs, so many have windows that meet these.
  static constexpr int kOutputsBefore = (kKernel - 1 - kPadding) / kStride;
  static constexpr int kOutputsAfter = (kPadding + kStride - 1) / kStride;
  static constexpr int kOutputRows = (kKernel + kStride - 1) / kStride;  // whose windows may meet an input
  static constexpr int kLeastPack = kKernel > 3 ? 4 : 2;                 // that its kernels are compiled for

  static bool fits(const RowWindowProblem& problem) {
    using Both = std::array<std::int64_t, 2>;
    return problem.kernel == Both{kKernel, kKernel} && problem.window.stride == Both{kStride, kStride} &&
           problem.window.dilation == Both{1, 1} && problem.window.padding_begin[1] == kPadding &&
           problem.input_columns == problem.output_columns * kStride;
  }

  /// The n-th of the output rows whose windows meet an input row, n < kOutputRows, and in which of their
  /// rows.
  struct OutputRow {
    std::int64_t row;
    int p;
    __device__ bool inside(std::int64_t rows) const { return p < kKernel && row >= 0 && row < rows; }
  };
  static __device__ OutputRow output_row(std::int64_t padded_row, int n) {
    const int p = static_cast<int>(padded_row % kStride) + n * kStride;
    return {(padded_row - p) / kStride, p};
  }
  /// Which output has input `place` as its q-th column, counted from that of input 0; kNone if none has.
  static constexpr int kNone = -kKernel;
  static constexpr __device__ int output_column(int place, int q) {
    const int begin = place + kPadding - q;
    return begin % kStride == 0 ? begin / kStride : kNone;
  }
};

/// The packs of the rows of planes that lie one after another; a thread each. A block's threads go on
/// together, also beyond the last one:
///   for (std::int64_t first = packs.first(); first < packs.count(); first += grid_threads()) packs.at(first)
class RowPacks {
 public:
  struct Place {
    std::int64_t index, plane, row, pack;
    bool inside;        // whether there is such a pack
    bool begins, ends;  // whether the row does so with it
  };

  RowPacks(std::int64_t planes, std::int64_t rows, std::int64_t packs)
      : count_(planes * rows * packs),
        rows_(std::max<std::int64_t>(1, rows)),
        packs_(std::max<std::int64_t>(1, packs)) {}

  constexpr std::int64_t count() const { return count_; }
  /// The block's first pack in a grid for all of them.
  static __device__ std::int64_t first() { return static_cast<std::int64_t>(blockIdx.x) * blockDim.x; }
  /// The thread's, where the block is at `first`.
  __device__ Place at(std::int64_t first) const {
    const std::int64_t i = first + threadIdx.x;
    const std::int64_t line = packs_.quotient(i), plane = rows_.quotient(line);
    const std::int64_t pack = packs_.remainder(i, line);
    return {.index = i,
            .plane = plane,
            .row = rows_.remainder(line, plane),
            .pack = pack,
            .inside = i < count_,
            .begins = pack == 0,
            .ends = pack == packs_.divisor() - 1};
  }

 private:
  std::int64_t count_;
  Divisor rows_, packs_;
};

/// kWidth neighbours of a row, and kBefore and kAfter beside them, which the packs beside theirs hold.
template <class A, int kWidth, int kBefore, int kAfter>
struct RowPiece {
  static_assert(kBefore >= 0 && kBefore <= kWidth && kAfter >= 0 && kAfter <= kWidth);
  A values[kBefore + kWidth + kAfter];
  bool present, begins, ends;

  /// By the place from the first of the kWidth on; 0 where nothing is inside.
  __device__ A operator[](int place) const { return values[kBefore + place]; }
  __device__ bool inside(int place) const {
    return present && (place < 0 ? !begins : place < kWidth || !ends);
  }
};

/// The type in which lanes exchange elements.
template <class T>
using Exchanged = std::conditional_t<std::is_integral_v<T>, int, AccumulatorOf<T>>;

/// The pack `from` and what is beside it; zeros if `from` is null. All lanes of a warp call this together,
/// for packs that follow one another, and for all packs of a row or none.
template <int kWidth, int kBefore, int kAfter, class T>
__device__ RowPiece<Exchanged<T>, kWidth, kBefore, kAfter> load_piece(const T* from,
                                                                      const RowPacks::Place& at) {
  using A = Exchanged<T>;
  RowPiece<A, kWidth, kBefore, kAfter> piece{{}, from != nullptr, at.begins, at.ends};
  if (from) {
    const Pack<T, kWidth> pack = load_pack<kWidth>(from);
#pragma unroll
    for (int k = 0; k < kWidth; ++k) piece.values[kBefore + k] = to_accumulator(pack.values[k]);
  }
  const int lane = static_cast<int>(threadIdx.x) % kWarpThreads;
#pragma unroll
  for (int k = 0; k < kBefore; ++k) {
    A before = __shfl_up_sync(kAllLanes, piece[kWidth - kBefore + k], 1);
    if (from && lane == 0 && !at.begins) before = to_accumulator(from[k - kBefore]);
    piece.values[k] = at.begins ? A(0) : before;
  }
#pragma unroll
  for (int k = 0; k < kAfter; ++k) {
    A after = __shfl_down_sync(kAllLanes, piece[k], 1);
    if (from && lane == kWarpThreads - 1 && !at.ends) after = to_accumulator(from[kWidth + k]);
    piece.values[kBefore + kWidth + k] = at.ends ? A(0) : after;
  }
  return piece;
}

/// The rows of a plane of inputs; `pack` is the thread's of the first one.
template <class T>
struct InputRows {
  const T* pack;
  std::int64_t rows, columns;

  /// load_piece of what windows meet in a row, which may lie outside the plane.
  template <class Window, int kWidth>
  __device__ auto piece(std::int64_t row, const RowPacks::Place& at) const {
    const bool inside = at.inside && row >= 0 && row < rows;
    return load_piece<kWidth, Window::kInputsBefore, Window::kInputsAfter>(
        inside ? pack + row * columns : nullptr, at);
  }
};

/// Calls body.template operator()<kWidth>() with the most elements, kWidth or less, in packs of which rows of
/// `columns` may be read, if aligned(elements). Returns whether there are such, of kLeast or more.
template <int kWidth, int kLeast, class Aligned, class Body>
bool visit_row_packs(std::int64_t columns, const Aligned& aligned, const Body& body) {
  if constexpr (kWidth < kLeast) {
    return false;
  } else {
    if (columns % kWidth != 0 || !aligned(kWidth))
      return visit_row_packs<kWidth / 2, kLeast>(columns, aligned, body);
    body.template operator()<kWidth>();
    return true;
  }
}

/// Calls body.template operator()<Window, kWidth>() for the one of `Windows` that fits the problem, and the
/// widest packs of its input's rows, of type T. Returns whether there is one.
template <class T, class... Windows, class Aligned, class Body>
bool visit_row_windows(const RowWindowProblem& problem, const Aligned& aligned, const Body& body) {
  const auto visit = [&]<class Window>(Window) {
    return Window::fits(problem) && visit_row_packs<kPackSize<T>, Window::kLeastPack>(
                                        problem.input_columns, aligned,
                                        [&]<int kWidth>() { body.template operator()<Window, kWidth>(); });
  };
  return (visit(Windows{}) || ...);
}

}  // namespace slipway::cuda
