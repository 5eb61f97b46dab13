#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

/// Elementary functions as plain arithmetic, so that loops over them vectorise. float: within a few units in
/// the last place (tests/kernels/cpu/math_test.cpp has each), with NaN and infinities as in <cmath>. double:
/// <cmath>. The polynomials are minimax fits (Remez) of the functions named beside them.
namespace slipway::cpu {

/// c[0] + c[1] x + c[2] x² + ...
template <class T, class... Rest>
inline T polynomial(T x, T first, Rest... rest) {
  if constexpr (sizeof...(rest) == 0)
    return first;
  else
    return first + x * polynomial(x, rest...);
}

/// ln 2 in two parts; the first has so few bits that its product with an exponent is exact.
inline constexpr float kLn2High = 0x1.62e4p-1f, kLn2Low = 0x1.7f7d1cp-20f;

inline double exp(double x) { return std::exp(x); }
/// exp(n ln2 + r) = 2^n exp(r), |r| <= ln2 / 2; exp(r) = 1 + r + r² P(r).
inline float exp(float x) {
  const float bounded = x < -104.0f ? -104.0f : (x > 89.0f ? 89.0f : x);  // keeps NaN
  constexpr float kRound = 0x1.8p23f;  // adding it leaves the nearest integer in the low bits
  const float shifted = bounded * 1.44269504f + kRound;
  const float n = shifted - kRound;
  const float r = (bounded - n * kLn2High) - n * kLn2Low;
  const float p =
      polynomial(r, 4.999999404e-01f, 1.666651964e-01f, 4.166840762e-02f, 8.368914016e-03f, 1.381419133e-03f);
  const float mantissa = 1.0f + (r + r * r * p);
  // 2^n in two factors, so that results below the smallest normal number come out right.
  const std::int32_t whole = std::bit_cast<std::int32_t>(shifted) - std::bit_cast<std::int32_t>(kRound);
  const std::int32_t half = whole >> 1;
  const auto power = [](std::int32_t k) {
    return std::bit_cast<float>(static_cast<std::uint32_t>(k + 127) << 23);
  };
  return mantissa * power(half) * power(whole - half);
}

inline double log(double x) { return std::log(x); }
/// log(2^n (1 + f)) = n ln2 + log(1 + f), 1 + f in [√½, √2); log(1 + f) = f - f²/2 + f³ P(f).
inline float log(float x) {
  constexpr float kSmallest = 0x1p-126f;  // normal
  const float scaled = x < kSmallest ? x * 0x1p23f : x;
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(scaled);
  constexpr std::uint32_t kSqrtHalf = 0x3f3504f3u;
  const std::uint32_t offset = bits - kSqrtHalf;
  const float n =
      static_cast<float>(static_cast<std::int32_t>(offset) >> 23) - (x < kSmallest ? 23.0f : 0.0f);
  const float f = std::bit_cast<float>((offset & 0x007fffffu) + kSqrtHalf) - 1.0f;
  const float p =
      polynomial(f, 3.333331048e-01f, -2.499998659e-01f, 2.000223100e-01f, -1.666926295e-01f,
                 1.421857625e-01f, -1.238406897e-01f, 1.187336370e-01f, -1.179172024e-01f, 6.916764379e-02f);
  const float square = f * f;
  const float tail = square * (f * p - 0.5f);
  const float result = n * kLn2High + (f + (tail + n * kLn2Low));
  const float special = x == 0.0f ? -HUGE_VALF : (x > 0.0f ? x : std::bit_cast<float>(0x7fc00000u));
  return x > 0.0f && x < HUGE_VALF ? result : special;
}

inline double tanh(double x) { return std::tanh(x); }
/// Near zero x + x³ P(x²), else 1 - 2 / (exp(2|x|) + 1) with the sign of x.
inline float tanh(float x) {
  const float a = std::abs(x);
  const float square = x * x;
  const float near = x + x * square *
                             polynomial(square, -3.333328366e-01f, 1.333149076e-01f, -5.374349654e-02f,
                                        2.065058798e-02f, -5.717045162e-03f);
  const float far = 1.0f - 2.0f / (exp(2.0f * a) + 1.0f);
  return a < 0.625f ? near : std::copysign(far, x);
}

template <class T>
inline T sigmoid(T x) {
  return T(1) / (T(1) + exp(-x));
}

/// log(1 + exp(x)) without overflow. log(1 + u) is corrected for the rounding of 1 + u.
template <class T>
inline T softplus(T x) {
  const T u = exp(-std::abs(x)), sum = T(1) + u;
  const T log_sum = sum == T(1) ? u : log(sum) * (u / (sum == T(1) ? T(1) : sum - T(1)));
  return (x > T(0) ? x : (x <= T(0) ? T(0) : x)) + log_sum;  // keeps NaN
}

/// The density of the standard normal distribution, exp(-x²/2) / √(2π).
template <class T>
inline T normal_density(T x) {
  return T(0.39894228040143267794) * exp(T(-0.5) * x * x);
}

/// The distribution function of the standard normal, erfc(-x / √2) / 2.
inline double normal_cdf(double x) { return 0.5 * std::erfc(-x * 0.70710678118654752440); }
/// With h = |x| / √8 and t = 1 / (1 + h): erfc(|x| / √2) = exp(-x²/2) t (1 - h t P(t)), whose polynomial
/// counts for little near zero, where the result has its largest share of rounding errors.
inline float normal_cdf(float x) {
  constexpr float kFar = 16.0f;  // beyond, exp(-x²/2) is 0
  const float h = 0.35355339f * (std::abs(x) < kFar ? std::abs(x) : kFar);
  const float t = 1.0f / (1.0f + h);
  const float p =
      polynomial(t, 7.179348469e-01f, 4.350891113e-01f, 1.963639408e-01f, -2.888881043e-02f, 6.890464574e-02f,
                 -3.520836234e-01f, 3.185422122e-01f, -1.116254404e-01f, 1.251878310e-02f);
  const float tail = 0.5f * exp(-0.5f * x * x) * (t * (1.0f - h * t * p));
  return x < 0.0f ? tail : 1.0f - tail;
}

}  // namespace slipway::cpu
