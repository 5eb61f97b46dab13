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

/// To the nearest value with 10 bits of mantissa, ties away from zero, as tensor cores read float32 factors
/// in TF32 (PTX: cvt.rna.tf32.f32).
float round_to_tf32(float value);

}  // namespace slipway::simt
