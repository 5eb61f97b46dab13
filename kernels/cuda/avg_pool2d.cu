#include "kernels/cuda/pool_windows.cuh"
#include "kernels/pool2d.h"

namespace slipway::cuda {
namespace {

/// What divides the sum over the window of an output.
struct Count {
  std::int64_t whole;  // elements of a window if padding counts, else 0

  __device__ std::int64_t operator()(const PoolWindows& windows, std::int64_t row,
                                     std::int64_t column) const {
    if (whole > 0) return whole;
    const std::int64_t inside = windows.rows.count_inside(row) * windows.columns.count_inside(column);
    return inside > 1 ? inside : 1;
  }
};

// y = Σ x / count;  dx = Σ over the windows around x of dy / count

/// A thread an output.
template <class T>
__global__ void __launch_bounds__(kBlockThreads)
    average_windows(const PoolWindows windows, const Count count, const std::int64_t outputs, const T* x,
                    T* y) {
  using A = AccumulatorOf<T>;
  const PoolAxis &rows = windows.rows, &columns = windows.columns;
  for (std::int64_t i = grid_thread(); i < outputs; i += grid_threads()) {
    const PoolWindows::Place at = windows.output_at(i);
    const T* plane = x + at.plane * rows.input * columns.input;
    A sum = 0;
    for (std::int64_t p = 0; p < rows.kernel; ++p) {
      const std::int64_t row = rows.place(at.row, p);
      if (!rows.inside(row)) continue;
      for (std::int64_t q = 0; q < columns.kernel; ++q) {
        const std::int64_t column = columns.place(at.column, q);
        if (columns.inside(column)) sum += to_accumulator(plane[row * columns.input + column]);
      }
    }
    y[i] = from_accumulator<T>(sum / static_cast<A>(count(windows, at.row, at.column)));
  }
}

/// The same, a thread the outputs of kWidth inputs of a row.
template <class Window, int kWidth, class T>
__global__ void __launch_bounds__(kBlockThreads)
    average_by_packs(const PoolWindows windows, const Count count, const RowPacks packs, const T* x, T* y) {
  using A = AccumulatorOf<T>;
  constexpr int kOutputs = kWidth / Window::kStride;
  const PoolAxis &rows = windows.rows, &columns = windows.columns;
  for (std::int64_t first = packs.first(); first < packs.count(); first += grid_threads()) {
    const RowPacks::Place at = packs.at(first);
    const InputRows<T> from{x + at.plane * rows.input * columns.input + at.pack * kWidth, rows.input,
                            columns.input};
    A sums[kOutputs]{};
#pragma unroll
    for (int p = 0; p < Window::kKernel; ++p) {
      const auto piece = from.template piece<Window, kWidth>(rows.place(at.row, p), at);
#pragma unroll
      for (int k = 0; k < kOutputs; ++k) {
#pragma unroll
        for (int q = 0; q < Window::kKernel; ++q)
          sums[k] += piece[k * Window::kStride + q - Window::kPadding];
      }
    }
    if (!at.inside) continue;
    Pack<T, kOutputs> means;
#pragma unroll
    for (int k = 0; k < kOutputs; ++k) {
      means.values[k] =
          from_accumulator<T>(sums[k] / static_cast<A>(count(windows, at.row, at.pack * kOutputs + k)));
    }
    store_pack(y + at.index * kOutputs, means);
  }
}

template <class T>
__global__ void __launch_bounds__(kBlockThreads)
    spread_to_windows(const PoolWindows windows, const Count count, const std::int64_t inputs, const T* dy,
                      T* dx) {
  using A = AccumulatorOf<T>;
  const PoolAxis &rows = windows.rows, &columns = windows.columns;
  for (std::int64_t i = grid_thread(); i < inputs; i += grid_threads()) {
    const PoolWindows::Place at = windows.input_at(i);
    const T* plane = dy + at.plane * rows.output * columns.output;
    A sum = 0;
    for (std::int64_t p = 0; p < rows.kernel; ++p) {
      const std::int64_t row = rows.output_of(at.row, p);
      if (row < 0) continue;
      for (std::int64_t q = 0; q < columns.kernel; ++q) {
        const std::int64_t column = columns.output_of(at.column, q);
        if (column < 0) continue;
        sum += to_accumulator(plane[row * columns.output + column]) /
               static_cast<A>(count(windows, row, column));
      }
    }
    dx[i] = from_accumulator<T>(sum);
  }
}

Count count_of(const AvgPool2dArgs& args) {
  return {args.count_include_pad ? args.kernel[0] * args.kernel[1] : 0};
}

void forward(const Stream& stream, const AvgPool2dArgs& args) {
  const PoolWindows windows(args);
  visit_float(args.x_type.dtype, "avg_pool2d", [&]<class T>() {
    const T* x = static_cast<const T*>(args.from);
    T* y = static_cast<T*>(args.to);
    const auto aligned = [&](int elements) { return aligned_for_packs(elements, x, y); };
    const bool by_packs = visit_usual_windows<T>(args, aligned, [&]<class Window, int kWidth>() {
      const RowPacks packs(windows.planes, windows.rows.output, windows.columns.input / kWidth);
      launch(stream, elementwise_shape(stream, packs.count()), average_by_packs<Window, kWidth, T>, windows,
             count_of(args), packs, x, y);
    });
    if (by_packs) return;
    launch(stream, elementwise_shape(stream, windows.outputs()), average_windows<T>, windows, count_of(args),
           windows.outputs(), x, y);
  });
}

void backward(const Stream& stream, const AvgPool2dArgs& args) {
  const PoolWindows windows(args);
  visit_float(args.x_type.dtype, "avg_pool2d", [&]<class T>() {
    launch(stream, elementwise_shape(stream, windows.inputs()), spread_to_windows<T>, windows, count_of(args),
           windows.inputs(), static_cast<const T*>(args.from), static_cast<T*>(args.to));
  });
}

const KernelRegistrar<AvgPool2dArgs> kForward(avg_pool2d_forward, DeviceKind::cuda, forward);
const KernelRegistrar<AvgPool2dArgs> kBackward(avg_pool2d_backward, DeviceKind::cuda, backward);

}  // namespace
}  // namespace slipway::cuda
