#pragma once

#include <cstdint>
#include <cstring>
#include <utility>

/// Small matrix products on values whose channels lie in blocks as wide as the processor's vectors: what our
/// own convolutions are made of. For processors with AVX2 or AVX-512.
namespace slipway::cpu {

#ifdef __AVX512F__
inline constexpr int kLanes = 16;
inline constexpr int kMaxVectors =
    4;  // blocks of results computed together: with six rows they fill the registers
#else
inline constexpr int kLanes = 8;
inline constexpr int kMaxVectors = 2;
#endif

typedef float Vector __attribute__((vector_size(kLanes * sizeof(float))));

inline Vector load(const float* from) {
  Vector value;
  std::memcpy(&value, from, sizeof value);
  return value;
}
inline void store(float* to, Vector value) { std::memcpy(to, &value, sizeof value); }

/// c[r][v] (+)= sum over blocks and k of a[block][r][k] * b[block][k][v], v a vector of kLanes columns.
struct Product {
  const float* a;
  std::int64_t a_row, a_k, a_block;
  const float* b;
  std::int64_t b_k, b_vector, b_block;
  float* c;
  std::int64_t c_row, c_vector;
  std::int64_t blocks, depth;
  bool accumulate;
};

template <int kRows, int kVectors>
inline void product_tile(const Product& p, const float* a_rows, float* c_rows) {
  Vector sum[kRows][kVectors];
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < kVectors; ++v) {
      sum[r][v] = p.accumulate ? load(c_rows + r * p.c_row + v * p.c_vector) : Vector{};
    }
  }
  for (std::int64_t block = 0; block < p.blocks; ++block) {
    const float* a = a_rows + block * p.a_block;
    const float* b = p.b + block * p.b_block;
    for (std::int64_t k = 0; k < p.depth; ++k) {
      Vector column[kVectors];
      for (int v = 0; v < kVectors; ++v) column[v] = load(b + k * p.b_k + v * p.b_vector);
      for (int r = 0; r < kRows; ++r) {
        const float factor = a[r * p.a_row + k * p.a_k];
        for (int v = 0; v < kVectors; ++v) sum[r][v] += factor * column[v];
      }
    }
  }
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < kVectors; ++v) store(c_rows + r * p.c_row + v * p.c_vector, sum[r][v]);
  }
}

/// All rows, six at a time.
template <int kVectors>
void product(const Product& p, std::int64_t rows) {
  std::int64_t r = 0;
  for (; r + 6 <= rows; r += 6) {
    product_tile<6, kVectors>(p, p.a + r * p.a_row, p.c + r * p.c_row);
  }
  const float* a = p.a + r * p.a_row;
  float* c = p.c + r * p.c_row;
  switch (rows - r) {
    case 1:
      return product_tile<1, kVectors>(p, a, c);
    case 2:
      return product_tile<2, kVectors>(p, a, c);
    case 3:
      return product_tile<3, kVectors>(p, a, c);
    case 4:
      return product_tile<4, kVectors>(p, a, c);
    case 5:
      return product_tile<5, kVectors>(p, a, c);
    default:
      return;
  }
}

/// Exchanges the off-diagonal quarters of the squares of 2 kDistance rows, and of ever smaller ones.
template <int kDistance, std::size_t... kLane>
inline void exchange_quarters(Vector* rows, std::index_sequence<kLane...> lanes) {
  for (int i = 0; i < kLanes; ++i) {
    if (i & kDistance) continue;
    const Vector a = rows[i], b = rows[i + kDistance];
    rows[i] = __builtin_shufflevector(a, b, (kLane & kDistance ? kLanes - kDistance + kLane : kLane)...);
    rows[i + kDistance] =
        __builtin_shufflevector(a, b, (kLane & kDistance ? kLanes + kLane : kLane + kDistance)...);
  }
  if constexpr (kDistance > 1) exchange_quarters<kDistance / 2>(rows, lanes);
}

/// Transposes kLanes rows of kLanes.
inline void transpose(const float* from, std::int64_t from_row, float* to, std::int64_t to_row) {
  Vector rows[kLanes];
  for (int i = 0; i < kLanes; ++i) rows[i] = load(from + i * from_row);
  exchange_quarters<kLanes / 2>(rows, std::make_index_sequence<kLanes>());
  for (int i = 0; i < kLanes; ++i) store(to + i * to_row, rows[i]);
}

}  // namespace slipway::cpu
