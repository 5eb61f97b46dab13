#pragma once

#include "kernels/cpu/parallel.h"

namespace slipway::cpu {

/// A matrix in memory: the element at (i, j) is data[i * row + j * column].
template <class T>
struct Matrix {
  T* data;
  std::int64_t row, column;
};

/// One row of y = a b: `y` has `columns` elements, `a` is the row's, `b` has `inner` rows.
template <class T>
void matrix_product_row(Matrix<const T> a, Matrix<const T> b, T* y, std::int64_t inner,
                        std::int64_t columns) {
  if (b.row == 1 && inner > 1) {  // b is stored by columns: dot products
    for (std::int64_t j = 0; j < columns; ++j) {
      const T* from = b.data + j * b.column;
      T sum = 0;
#pragma omp simd reduction(+ : sum)
      for (std::int64_t k = 0; k < inner; ++k) sum += a.data[k * a.column] * from[k];
      y[j] = sum;
    }
    return;
  }
  std::fill(y, y + columns, T(0));
  for (std::int64_t k = 0; k < inner; ++k) {
    const T factor = a.data[k * a.column];
    const T* from = b.data + k * b.row;
#pragma omp simd
    for (std::int64_t j = 0; j < columns; ++j) y[j] += factor * from[j * b.column];
  }
}

/// y = a b, dense row-major y [rows, columns]: for float64, and float32 where oneDNN has nothing. The order
/// of every sum is fixed.
template <class T>
void matrix_product_loops(const Stream& stream, Matrix<const T> a, Matrix<const T> b, T* y,
                          const Shape& sizes) {
  const std::int64_t rows = sizes[0], inner = sizes[1], columns = sizes[2];
  parallel_for(
      stream, rows, std::max<std::int64_t>(1, kParallelGrain / std::max<std::int64_t>(1, inner * columns)),
      [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
          matrix_product_row<T>({a.data + i * a.row, 0, a.column}, b, y + i * columns, inner, columns);
        }
      });
}

}  // namespace slipway::cpu
