#pragma once

#include <array>

#include "kernels/cuda/divisor.cuh"
#include "kernels/cuda/row_windows.cuh"
#include "kernels/window2d.h"

namespace slipway::cuda {

/// Where the windows of a pooling lie along one axis.
struct PoolAxis {
  std::int64_t input, output, kernel, stride, dilation, padding;
  Divisor by_stride;

  /// The place of the window's k-th element of an output; it may lie outside the input.
  __device__ std::int64_t place(std::int64_t position, std::int64_t k) const {
    return position * stride + k * dilation - padding;
  }
  __device__ bool inside(std::int64_t place) const { return place >= 0 && place < input; }
  /// The output whose window has this input as its k-th element; -1 if there is none.
  __device__ std::int64_t output_of(std::int64_t place, std::int64_t k) const {
    const std::int64_t from = place + padding - k * dilation;
    if (from < 0) return -1;
    const std::int64_t position = by_stride.quotient(from);
    return by_stride.remainder(from, position) == 0 && position < output ? position : -1;
  }
  /// How many elements of a window lie inside the input; dilation is 1.
  __device__ std::int64_t count_inside(std::int64_t position) const {
    const std::int64_t begin = position * stride - padding, end = begin + kernel;
    return (end < input ? end : input) - (begin > 0 ? begin : 0);
  }
};

/// The windows of a pooling over planes [rows, columns] that lie one after another.
struct PoolWindows {
  struct Place {
    std::int64_t plane, row, column;
  };

  template <class Args>
  explicit PoolWindows(const Args& args)
      : planes(args.x_type.shape[0] * args.x_type.shape[1]), rows(axis(args, 0)), columns(axis(args, 1)) {
    require(args.x_type.is_row_major() && args.y_type.is_row_major(),
            "pooling: expects row-major values on a GPU, got ", args.x_type, " and ", args.y_type);
    by_input = {Divisor(std::max<std::int64_t>(1, rows.input)),
                Divisor(std::max<std::int64_t>(1, columns.input))};
    by_output = {Divisor(std::max<std::int64_t>(1, rows.output)),
                 Divisor(std::max<std::int64_t>(1, columns.output))};
  }
  std::int64_t inputs() const { return planes * rows.input * columns.input; }
  std::int64_t outputs() const { return planes * rows.output * columns.output; }

  __device__ Place input_at(std::int64_t i) const { return at(i, by_input); }
  __device__ Place output_at(std::int64_t i) const { return at(i, by_output); }

  std::int64_t planes;
  PoolAxis rows, columns;

 private:
  struct Sizes {
    Divisor rows, columns;
  };
  template <class Args>
  static PoolAxis axis(const Args& args, int spatial) {
    const auto i = static_cast<std::size_t>(spatial);
    return {args.x_type.shape[2 + spatial], args.y_type.shape[2 + spatial], args.kernel[i],
            args.window.stride[i],          args.window.dilation[i],        args.window.padding_begin[i],
            Divisor(args.window.stride[i])};
  }
  static __device__ Place at(std::int64_t i, const Sizes& sizes) {
    const std::int64_t line = sizes.columns.quotient(i), plane = sizes.rows.quotient(line);
    return {plane, sizes.rows.remainder(line, plane), sizes.columns.remainder(i, line)};
  }

  Sizes by_input, by_output;
};

/// visit_row_windows for the windows that are usual in pooling.
template <class T, class Args, class Aligned, class Body>
bool visit_usual_windows(const Args& args, const Aligned& aligned, const Body& body) {
  return visit_row_windows<T, RowWindow<2, 2, 0>, RowWindow<3, 2, 1>>(
      {.kernel = args.kernel,
       .window = args.window,
       .input_columns = args.x_type.shape[3],
       .output_columns = args.y_type.shape[3]},
      aligned, body);
}

}  // namespace slipway::cuda
