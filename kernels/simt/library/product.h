#pragma once

#include <cstdint>

namespace slipway::simt {

/// y [rows, columns] = a [rows, inner] b [inner, columns], dense and row-major.
struct ProductSizes {
  std::int64_t rows = 0, inner = 0, columns = 0;
};
/// By the CPU's kernel. T is float or double.
template <class T>
void multiply(const ProductSizes& sizes, const T* a, const T* b, T* y);

}  // namespace slipway::simt
