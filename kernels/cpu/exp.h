#pragma once

#include <bit>
#include <concepts>
#include <cstdint>
#include <limits>

namespace slipway::cpu {

/// e^x without a branch, so that loops over it vectorise: x = n ln 2 + r with |r| <= ln 2 / 2, then the
/// Taylor series of e^r, then a scaling by 2^n in two steps that reaches the subnormal numbers. Within 2
/// units in the last place; overflows to infinity, underflows to 0, keeps NaN.
inline float exponential(float x) {
  constexpr float kShift = 0x1.8p23f;  // adding it rounds to an integer, which then lies in the low bits
  const float bounded = x < -104.0f ? -104.0f : (x > 89.0f ? 89.0f : x);
  const float shifted = bounded * 1.44269504f + kShift;
  const float n = shifted - kShift;
  const float r = (bounded - n * 0.693359375f) - n * -2.12194440e-4f;
  float sum = 1.0f / 5040;
  sum = sum * r + 1.0f / 720;
  sum = sum * r + 1.0f / 120;
  sum = sum * r + 1.0f / 24;
  sum = sum * r + 1.0f / 6;
  sum = sum * r + 0.5f;
  sum = sum * r + 1.0f;
  sum = sum * r + 1.0f;
  const std::int32_t exponent = std::bit_cast<std::int32_t>(shifted) - std::bit_cast<std::int32_t>(kShift);
  const std::int32_t half = exponent >> 1;
  const float scaled =
      sum * std::bit_cast<float>((half + 127) << 23) * std::bit_cast<float>((exponent - half + 127) << 23);
  return x != x ? x : scaled;
}

inline double exponential(double x) {
  constexpr double kShift = 0x1.8p52;
  const double bounded = x < -746.0 ? -746.0 : (x > 710.0 ? 710.0 : x);
  const double shifted = bounded * 1.4426950408889634 + kShift;
  const double n = shifted - kShift;
  const double r = (bounded - n * 0x1.62e42feep-1) - n * 1.9082149292705877e-10;
  double sum = 1.0 / 6227020800;
  sum = sum * r + 1.0 / 479001600;
  sum = sum * r + 1.0 / 39916800;
  sum = sum * r + 1.0 / 3628800;
  sum = sum * r + 1.0 / 362880;
  sum = sum * r + 1.0 / 40320;
  sum = sum * r + 1.0 / 5040;
  sum = sum * r + 1.0 / 720;
  sum = sum * r + 1.0 / 120;
  sum = sum * r + 1.0 / 24;
  sum = sum * r + 1.0 / 6;
  sum = sum * r + 0.5;
  sum = sum * r + 1.0;
  sum = sum * r + 1.0;
  const std::int64_t exponent = std::bit_cast<std::int64_t>(shifted) - std::bit_cast<std::int64_t>(kShift);
  const std::int64_t half = exponent >> 1;
  const double scaled = sum * std::bit_cast<double>((half + 1023) << 52) *
                        std::bit_cast<double>((exponent - half + 1023) << 52);
  return x != x ? x : scaled;
}

}  // namespace slipway::cpu
