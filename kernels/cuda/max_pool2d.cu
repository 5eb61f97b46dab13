#include <limits>

#include "kernels/cuda/pool_windows.cuh"
#include "kernels/pool2d.h"

namespace slipway::cuda {
namespace {

/// The greatest element of a window so far, and its place there.
template <class A>
struct Greatest {
  A value = -std::numeric_limits<A>::infinity();
  int place = kNone;

  static constexpr int kNone = -1;
  __device__ void take(A other, int at) {
    if (!(other > value || other != other || place == kNone)) return;  // NaN wins
    value = other;
    place = at;
  }
  __device__ int index() const { return place == kNone ? 0 : place; }
};

/// A thread an output: the maximum of its window and the place of the first one there.
template <class T, class Index>
__global__ void __launch_bounds__(kBlockThreads)
    greatest_of_windows(const PoolWindows windows, const std::int64_t outputs, const T* x, T* y,
                        Index* index) {
  const PoolAxis &rows = windows.rows, &columns = windows.columns;
  for (std::int64_t i = grid_thread(); i < outputs; i += grid_threads()) {
    const PoolWindows::Place at = windows.output_at(i);
    const T* plane = x + at.plane * rows.input * columns.input;
    Greatest<AccumulatorOf<T>> best;
    for (std::int64_t p = 0; p < rows.kernel; ++p) {
      const std::int64_t row = rows.place(at.row, p);
      if (!rows.inside(row)) continue;
      for (std::int64_t q = 0; q < columns.kernel; ++q) {
        const std::int64_t column = columns.place(at.column, q);
        if (!columns.inside(column)) continue;
        best.take(to_accumulator(plane[row * columns.input + column]),
                  static_cast<int>(p * columns.kernel + q));
      }
    }
    y[i] = from_accumulator<T>(best.value);
    index[i] = static_cast<Index>(best.index());
  }
}

/// The same, a thread the outputs of kWidth inputs of a row.
template <class Window, int kWidth, class T, class Index>
__global__ void __launch_bounds__(kBlockThreads)
    greatest_by_packs(const PoolWindows windows, const RowPacks packs, const T* x, T* y, Index* index) {
  constexpr int kOutputs = kWidth / Window::kStride;
  const PoolAxis &rows = windows.rows, &columns = windows.columns;
  for (std::int64_t first = packs.first(); first < packs.count(); first += grid_threads()) {
    const RowPacks::Place at = packs.at(first);
    const InputRows<T> from{x + at.plane * rows.input * columns.input + at.pack * kWidth, rows.input,
                            columns.input};
    Greatest<AccumulatorOf<T>> best[kOutputs];
#pragma unroll
    for (int p = 0; p < Window::kKernel; ++p) {
      const auto piece = from.template piece<Window, kWidth>(rows.place(at.row, p), at);
#pragma unroll
      for (int k = 0; k < kOutputs; ++k) {
#pragma unroll
        for (int q = 0; q < Window::kKernel; ++q) {
          const int column = k * Window::kStride + q - Window::kPadding;
          if (piece.inside(column)) best[k].take(piece[column], p * Window::kKernel + q);
        }
      }
    }
    if (!at.inside) continue;
    Pack<T, kOutputs> values;
    Pack<Index, kOutputs> places;
#pragma unroll
    for (int k = 0; k < kOutputs; ++k) {
      values.values[k] = from_accumulator<T>(best[k].value);
      places.values[k] = static_cast<Index>(best[k].index());
    }
    store_pack(y + at.index * kOutputs, values);
    store_pack(index + at.index * kOutputs, places);
  }
}

/// A thread an input: the gradients of the windows that it won.
template <class T, class Index>
__global__ void __launch_bounds__(kBlockThreads)
    return_to_greatest(const PoolWindows windows, const std::int64_t inputs, const T* dy, const Index* index,
                       T* dx) {
  using A = AccumulatorOf<T>;
  const PoolAxis &rows = windows.rows, &columns = windows.columns;
  for (std::int64_t i = grid_thread(); i < inputs; i += grid_threads()) {
    const PoolWindows::Place at = windows.input_at(i);
    const std::int64_t plane = at.plane * rows.output * columns.output;
    A sum = 0;
    for (std::int64_t p = 0; p < rows.kernel; ++p) {
      const std::int64_t row = rows.output_of(at.row, p);
      if (row < 0) continue;
      for (std::int64_t q = 0; q < columns.kernel; ++q) {
        const std::int64_t column = columns.output_of(at.column, q);
        if (column < 0) continue;
        const std::int64_t output = plane + row * columns.output + column;
        if (static_cast<std::int64_t>(index[output]) == p * columns.kernel + q)
          sum += to_accumulator(dy[output]);
      }
    }
    dx[i] = from_accumulator<T>(sum);
  }
}

/// The same, a thread kWidth inputs of a row.
template <class Window, int kWidth, class T, class Index>
__global__ void __launch_bounds__(kBlockThreads)
    return_by_packs(const PoolWindows windows, const RowPacks packs, const T* dy, const Index* index, T* dx) {
  using A = AccumulatorOf<T>;
  constexpr int kOutputs = kWidth / Window::kStride;
  constexpr int kBefore = Window::kOutputsBefore, kAfter = Window::kOutputsAfter;
  const PoolAxis &rows = windows.rows, &columns = windows.columns;
  for (std::int64_t first = packs.first(); first < packs.count(); first += grid_threads()) {
    const RowPacks::Place at = packs.at(first);
    const std::int64_t from = at.plane * rows.output * columns.output + at.pack * kOutputs;
    A sums[kWidth]{};
#pragma unroll
    for (int n = 0; n < Window::kOutputRows; ++n) {
      const auto output = Window::output_row(at.row + rows.padding, n);
      const bool inside = at.inside && output.inside(rows.output);
      const std::int64_t place = from + output.row * columns.output;
      const auto gradients = load_piece<kOutputs, kBefore, kAfter>(inside ? dy + place : nullptr, at);
      const auto winners = load_piece<kOutputs, kBefore, kAfter>(inside ? index + place : nullptr, at);
#pragma unroll
      for (int k = 0; k < kWidth; ++k) {
#pragma unroll
        for (int q = 0; q < Window::kKernel; ++q) {
          const int column = Window::output_column(k, q);
          if (column == Window::kNone) continue;
          if (winners[column] == output.p * Window::kKernel + q) sums[k] += gradients[column];
        }
      }
    }
    if (!at.inside) continue;
    Pack<T, kWidth> result;
#pragma unroll
    for (int k = 0; k < kWidth; ++k) result.values[k] = from_accumulator<T>(sums[k]);
    store_pack(dx + at.index * kWidth, result);
  }
}

/// Calls body.template operator()<T, Index>().
template <class Body>
void visit_types(DType dtype, DType index, Body&& body) {
  visit_float(dtype, "max_pool2d", [&]<class T>() {
    if (index == DType::uint8)
      body.template operator()<T, std::uint8_t>();
    else
      body.template operator()<T, std::int32_t>();
  });
}

/// The same as visit_usual_windows, whose places are all given in a byte.
template <class T, class Index, class Args, class Aligned, class Body>
bool visit_small_windows(const Args& args, const Aligned& aligned, const Body& body) {
  if constexpr (std::is_same_v<Index, std::uint8_t>)
    return visit_usual_windows<T>(args, aligned, body);
  else
    return false;
}

void forward(const Stream& stream, const MaxPool2dArgs& args) {
  const PoolWindows windows(args);
  visit_types(args.x_type.dtype, args.index_type.dtype, [&]<class T, class Index>() {
    const T* x = static_cast<const T*>(args.x);
    T* y = static_cast<T*>(args.y);
    Index* index = static_cast<Index*>(args.index);
    const auto aligned = [&](int elements) { return aligned_for_packs(elements, x, y, index); };
    const bool by_packs = visit_small_windows<T, Index>(args, aligned, [&]<class Window, int kWidth>() {
      const RowPacks packs(windows.planes, windows.rows.output, windows.columns.input / kWidth);
      launch(stream, elementwise_shape(stream, packs.count()), greatest_by_packs<Window, kWidth, T, Index>,
             windows, packs, x, y, index);
    });
    if (by_packs) return;
    launch(stream, elementwise_shape(stream, windows.outputs()), greatest_of_windows<T, Index>, windows,
           windows.outputs(), x, y, index);
  });
}

void backward(const Stream& stream, const MaxPool2dGradientArgs& args) {
  const PoolWindows windows(args);
  visit_types(args.x_type.dtype, args.index_type.dtype, [&]<class T, class Index>() {
    const T* dy = static_cast<const T*>(args.dy);
    const Index* index = static_cast<const Index*>(args.index);
    T* dx = static_cast<T*>(args.dx);
    const auto aligned = [&](int elements) { return aligned_for_packs(elements, dy, index, dx); };
    const bool by_packs = visit_small_windows<T, Index>(args, aligned, [&]<class Window, int kWidth>() {
      const RowPacks packs(windows.planes, windows.rows.input, windows.columns.input / kWidth);
      launch(stream, elementwise_shape(stream, packs.count()), return_by_packs<Window, kWidth, T, Index>,
             windows, packs, dy, index, dx);
    });
    if (by_packs) return;
    launch(stream, elementwise_shape(stream, windows.inputs()), return_to_greatest<T, Index>, windows,
           windows.inputs(), dy, index, dx);
  });
}

const KernelRegistrar<MaxPool2dArgs> kForward(max_pool2d_forward, DeviceKind::cuda, forward);
const KernelRegistrar<MaxPool2dGradientArgs> kBackward(max_pool2d_backward, DeviceKind::cuda, backward);

}  // namespace
}  // namespace slipway::cuda
