#pragma once

#include "kernels/cpu/blocked_product.h"

/// The transforms of F(4x4, 3x3) on tiles of one block of channels, one vector a pixel. With points 0, 1, -1,
/// 2, -2 and infinity:
///   forward            y  = Aᵀ [(G w Gᵀ) ⊙ (Bᵀ x B)] A
///   gradient of w      dw = Gᵀ [(A dy Aᵀ) ⊙ (Bᵀ x B)] G
namespace slipway::cpu::winograd {

inline constexpr int kTile = 6;                // input pixels along an edge
inline constexpr int kOutput = 4;              // output pixels along an edge
inline constexpr int kPoints = kTile * kTile;  // products per tile and channel pair

/// One dimension of each transform: `out`, each `step` apart, from `in`.
struct InputTransform {  // Bᵀ
  static constexpr int kIn = 6, kOut = 6;
  static void apply(const Vector* in, Vector* out, int step) {
    const Vector a = in[0], b = in[1], c = in[2], d = in[3], e = in[4], f = in[5];
    const Vector even = e - 4.0F * c, odd = d - 4.0F * b, near = e - c, far = 2.0F * (d - b);
    out[0] = 4.0F * a - 5.0F * c + e;
    out[step] = even + odd;
    out[2 * step] = even - odd;
    out[3 * step] = near + far;
    out[4 * step] = near - far;
    out[5 * step] = 4.0F * b - 5.0F * d + f;
  }
};
struct WeightTransform {  // G
  static constexpr int kIn = 3, kOut = 6;
  static void apply(const Vector* in, Vector* out, int step) {
    const Vector a = in[0], b = in[1], c = in[2];
    const Vector sixth = (a + c) * (-1.0F / 6), half = a * (1.0F / 24) + c * (1.0F / 6);
    out[0] = a * 0.25F;
    out[step] = sixth - b * (1.0F / 6);
    out[2 * step] = sixth + b * (1.0F / 6);
    out[3 * step] = half + b * (1.0F / 12);
    out[4 * step] = half - b * (1.0F / 12);
    out[5 * step] = c;
  }
};
struct OutputTransform {  // Aᵀ
  static constexpr int kIn = 6, kOut = 4;
  static void apply(const Vector* in, Vector* out, int step) {
    const Vector even = in[1] + in[2], odd = in[1] - in[2];
    const Vector even2 = in[3] + in[4], odd2 = in[3] - in[4];
    out[0] = in[0] + even + even2;
    out[step] = odd + 2.0F * odd2;
    out[2 * step] = even + 4.0F * even2;
    out[3 * step] = odd + 8.0F * odd2 + in[5];
  }
};
struct OutputGradientTransform {  // A
  static constexpr int kIn = 4, kOut = 6;
  static void apply(const Vector* in, Vector* out, int step) {
    const Vector a = in[0], b = in[1], c = in[2], d = in[3];
    const Vector even = a + c, odd = b + d, even2 = a + 4.0F * c, odd2 = 2.0F * b + 8.0F * d;
    out[0] = a;
    out[step] = even + odd;
    out[2 * step] = even - odd;
    out[3 * step] = even2 + odd2;
    out[4 * step] = even2 - odd2;
    out[5 * step] = d;
  }
};
struct WeightGradientTransform {  // Gᵀ
  static constexpr int kIn = 6, kOut = 3;
  static void apply(const Vector* in, Vector* out, int step) {
    const Vector even = in[1] + in[2], odd = in[2] - in[1];
    const Vector even2 = in[3] + in[4], odd2 = in[3] - in[4];
    out[0] = in[0] * 0.25F - even * (1.0F / 6) + even2 * (1.0F / 24);
    out[step] = odd * (1.0F / 6) + odd2 * (1.0F / 12);
    out[2 * step] = even2 * (1.0F / 6) - even * (1.0F / 6) + in[5];
  }
};

/// Both dimensions: in(row * kIn + column) -> out(row * kOut + column, value).
template <class Transform, class In, class Out>
inline void transform(const In& in, const Out& out) {
  constexpr int kIn = Transform::kIn, kOut = Transform::kOut;
  Vector half[kOut * kIn];
#pragma GCC unroll 6
  for (int column = 0; column < kIn; ++column) {
    Vector line[kIn];
    for (int row = 0; row < kIn; ++row) line[row] = in(row * kIn + column);
    Transform::apply(line, half + column, kIn);
  }
#pragma GCC unroll 6
  for (int row = 0; row < kOut; ++row) {
    Vector line[kOut];
    Transform::apply(half + row * kIn, line, 1);
    for (int column = 0; column < kOut; ++column) out(row * kOut + column, line[column]);
  }
}

}  // namespace slipway::cpu::winograd
