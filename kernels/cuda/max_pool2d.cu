#include <limits>

#include "kernels/cuda/pool_windows.cuh"
#include "kernels/pool2d.h"

namespace slipway::cuda {
namespace {

/// A thread an output: the maximum of its window, kWidth neighbours read at once, and the place of the first
/// one there.
template <int kWidth, class T, class Index>
__global__ void __launch_bounds__(kBlockThreads)
    greatest_of_windows(const PoolWindows windows, const std::int64_t outputs, const T* x, T* y,
                        Index* index) {
  using A = AccumulatorOf<T>;
  const PoolAxis &rows = windows.rows, &columns = windows.columns;
  for (std::int64_t i = grid_thread(); i < outputs; i += grid_threads()) {
    const PoolWindows::Place at = windows.output_at(i);
    const T* plane = x + at.plane * rows.input * columns.input;
    A best = -std::numeric_limits<A>::infinity();
    std::int64_t place = -1;
    for (std::int64_t p = 0; p < rows.kernel; ++p) {
      const std::int64_t row = rows.place(at.row, p);
      if (!rows.inside(row)) continue;
      for (std::int64_t q = 0; q < columns.kernel; q += kWidth) {
        const std::int64_t column = columns.place(at.column, q);
        if (!columns.inside(column)) continue;
        const Pack<T, kWidth> pack = load_pack<kWidth>(plane + row * columns.input + column);
#pragma unroll
        for (int k = 0; k < kWidth; ++k) {
          const A value = to_accumulator(pack.values[k]);
          if (value > best || value != value || place < 0) {  // NaN wins
            best = value;
            place = p * columns.kernel + q + k;
          }
        }
      }
    }
    y[i] = from_accumulator<T>(best);
    index[i] = static_cast<Index>(place < 0 ? 0 : place);
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

void forward(const Stream& stream, const MaxPool2dArgs& args) {
  const PoolWindows windows(args);
  visit_types(args.x_type.dtype, args.index_type.dtype, [&]<class T, class Index>() {
    const T* x = static_cast<const T*>(args.x);
    const bool pairs = windows.columns.is_paired() && aligned_for_packs(2, x);
    launch(stream, elementwise_shape(stream, windows.outputs()),
           pairs ? greatest_of_windows<2, T, Index> : greatest_of_windows<1, T, Index>, windows,
           windows.outputs(), x, static_cast<T*>(args.y), static_cast<Index*>(args.index));
  });
}

void backward(const Stream& stream, const MaxPool2dGradientArgs& args) {
  const PoolWindows windows(args);
  visit_types(args.x_type.dtype, args.index_type.dtype, [&]<class T, class Index>() {
    launch(stream, elementwise_shape(stream, windows.inputs()), return_to_greatest<T, Index>, windows,
           windows.inputs(), static_cast<const T*>(args.dy), static_cast<const Index*>(args.index),
           static_cast<T*>(args.dx));
  });
}

const KernelRegistrar<MaxPool2dArgs> kForward(max_pool2d_forward, DeviceKind::cuda, forward);
const KernelRegistrar<MaxPool2dGradientArgs> kBackward(max_pool2d_backward, DeviceKind::cuda, backward);

}  // namespace
}  // namespace slipway::cuda
