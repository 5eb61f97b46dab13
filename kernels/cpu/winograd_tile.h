#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>

/// The transforms of F(4x4, 3x3) on tiles of 16 channels, one vector a pixel, and the small matrix products
/// between them. With points 0, 1, -1, 2, -2 and infinity:
///   forward            y  = Aᵀ [(G w Gᵀ) ⊙ (Bᵀ x B)] A
///   gradient of w      dw = Gᵀ [(A dy Aᵀ) ⊙ (Bᵀ x B)] G
namespace slipway::cpu::winograd {

inline constexpr int kLanes = 16;
inline constexpr int kTile = 6;                // input pixels along an edge
inline constexpr int kOutput = 4;              // output pixels along an edge
inline constexpr int kPoints = kTile * kTile;  // products per tile and channel pair

typedef float Vector __attribute__((vector_size(kLanes * sizeof(float))));

inline Vector load(const float* from) {
  Vector value;
  std::memcpy(&value, from, sizeof value);
  return value;
}
inline void store(float* to, Vector value) { std::memcpy(to, &value, sizeof value); }

/// One dimension of each transform: `out` from `in`, both strided.
struct InputTransform {  // Bᵀ
  static constexpr int kIn = 6, kOut = 6;
  static void apply(const Vector* in, int step, Vector* out, int out_step) {
    const Vector a = in[0], b = in[step], c = in[2 * step], d = in[3 * step], e = in[4 * step],
                 f = in[5 * step];
    const Vector even = e - 4.0F * c, odd = d - 4.0F * b, near = e - c, far = 2.0F * (d - b);
    out[0] = 4.0F * a - 5.0F * c + e;
    out[out_step] = even + odd;
    out[2 * out_step] = even - odd;
    out[3 * out_step] = near + far;
    out[4 * out_step] = near - far;
    out[5 * out_step] = 4.0F * b - 5.0F * d + f;
  }
};
struct WeightTransform {  // G
  static constexpr int kIn = 3, kOut = 6;
  static void apply(const Vector* in, int step, Vector* out, int out_step) {
    const Vector a = in[0], b = in[step], c = in[2 * step];
    const Vector sixth = (a + c) * (-1.0F / 6), half = a * (1.0F / 24) + c * (1.0F / 6);
    out[0] = a * 0.25F;
    out[out_step] = sixth - b * (1.0F / 6);
    out[2 * out_step] = sixth + b * (1.0F / 6);
    out[3 * out_step] = half + b * (1.0F / 12);
    out[4 * out_step] = half - b * (1.0F / 12);
    out[5 * out_step] = c;
  }
};
struct OutputTransform {  // Aᵀ
  static constexpr int kIn = 6, kOut = 4;
  static void apply(const Vector* in, int step, Vector* out, int out_step) {
    const Vector even = in[step] + in[2 * step], odd = in[step] - in[2 * step];
    const Vector even2 = in[3 * step] + in[4 * step], odd2 = in[3 * step] - in[4 * step];
    out[0] = in[0] + even + even2;
    out[out_step] = odd + 2.0F * odd2;
    out[2 * out_step] = even + 4.0F * even2;
    out[3 * out_step] = odd + 8.0F * odd2 + in[5 * step];
  }
};
struct OutputGradientTransform {  // A
  static constexpr int kIn = 4, kOut = 6;
  static void apply(const Vector* in, int step, Vector* out, int out_step) {
    const Vector a = in[0], b = in[step], c = in[2 * step], d = in[3 * step];
    const Vector even = a + c, odd = b + d, even2 = a + 4.0F * c, odd2 = 2.0F * b + 8.0F * d;
    out[0] = a;
    out[out_step] = even + odd;
    out[2 * out_step] = even - odd;
    out[3 * out_step] = even2 + odd2;
    out[4 * out_step] = even2 - odd2;
    out[5 * out_step] = d;
  }
};
struct WeightGradientTransform {  // Gᵀ
  static constexpr int kIn = 6, kOut = 3;
  static void apply(const Vector* in, int step, Vector* out, int out_step) {
    const Vector even = in[step] + in[2 * step], odd = in[2 * step] - in[step];
    const Vector even2 = in[3 * step] + in[4 * step], odd2 = in[3 * step] - in[4 * step];
    out[0] = in[0] * 0.25F - even * (1.0F / 6) + even2 * (1.0F / 24);
    out[out_step] = odd * (1.0F / 6) + odd2 * (1.0F / 12);
    out[2 * out_step] = even2 * (1.0F / 6) - even * (1.0F / 6) + in[5 * step];
  }
};

/// Both dimensions: in [kIn][kIn] -> out [kOut][kOut].
template <class Transform>
inline void transform(const Vector* in, Vector* out) {
  constexpr int kIn = Transform::kIn, kOut = Transform::kOut;
  Vector half[kOut * kIn];
  for (int column = 0; column < kIn; ++column) Transform::apply(in + column, kIn, half + column, kIn);
  for (int row = 0; row < kOut; ++row) Transform::apply(half + row * kIn, 1, out + row * kOut, 1);
}

/// c[r][v] (+)= sum over blocks and k of a[block][r][k] * b[block][k][v], v a vector of 16 columns.
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

/// All rows, six at a time: with four vectors that fills the registers.
template <int kVectors>
void product(const Product& p, std::int64_t rows) {
  std::int64_t r = 0;
  for (; r + 6 <= rows; r += 6) product_tile<6, kVectors>(p, p.a + r * p.a_row, p.c + r * p.c_row);
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

/// Transposes 16 rows of 16.
inline void transpose(const float* from, std::int64_t from_row, float* to, std::int64_t to_row) {
  Vector rows[kLanes];
  for (int i = 0; i < kLanes; ++i) rows[i] = load(from + i * from_row);
  // Exchange off-diagonal quarters of ever smaller squares.
  const auto exchange = [&](auto distance) {
    constexpr int d = decltype(distance)::value;
    for (int i = 0; i < kLanes; ++i) {
      if (i & d) continue;
      const Vector a = rows[i], b = rows[i + d];
      if constexpr (d == 8) {
        rows[i] = __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23);
        rows[i + d] =
            __builtin_shufflevector(a, b, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
      } else if constexpr (d == 4) {
        rows[i] = __builtin_shufflevector(a, b, 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27);
        rows[i + d] =
            __builtin_shufflevector(a, b, 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31);
      } else if constexpr (d == 2) {
        rows[i] = __builtin_shufflevector(a, b, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29);
        rows[i + d] =
            __builtin_shufflevector(a, b, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
      } else {
        rows[i] = __builtin_shufflevector(a, b, 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30);
        rows[i + d] =
            __builtin_shufflevector(a, b, 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31);
      }
    }
  };
  exchange(std::integral_constant<int, 8>{});
  exchange(std::integral_constant<int, 4>{});
  exchange(std::integral_constant<int, 2>{});
  exchange(std::integral_constant<int, 1>{});
  for (int i = 0; i < kLanes; ++i) store(to + i * to_row, rows[i]);
}

}  // namespace slipway::cpu::winograd
