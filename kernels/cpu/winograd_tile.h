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

}  // namespace slipway::cpu::winograd
