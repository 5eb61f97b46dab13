#pragma once

#include <cmath>

/// Arithmetic on __half and __nv_bfloat16 that nvidia's headers keep from the host: computed in float,
/// rounded once.

namespace slipway::simt {

inline float widen(__half x) { return __half2float(x); }
inline float widen(__nv_bfloat16 x) { return __bfloat162float(x); }
inline void narrow(float x, __half& result) { result = __float2half_rn(x); }
inline void narrow(float x, __nv_bfloat16& result) { result = __float2bfloat16_rn(x); }

template <class T, class Function, class... Rest>
T in_float(Function function, T x, Rest... rest) {
  T result;
  narrow(function(widen(x), widen(rest)...), result);
  return result;
}
template <class Pair, class Function, class... Rest>
Pair in_float2(Function function, Pair x, Rest... rest) {
  return {in_float(function, x.x, rest.x...), in_float(function, x.y, rest.y...)};
}

}  // namespace slipway::simt

// NAME(x) of each 16-bit type, and of pairs of them under the name h2..., as EXPRESSION of the float v.
#define SLIPWAY_SIMT_HALF_FUNCTION(NAME, EXPRESSION)                        \
  inline __half h##NAME(__half x) {                                         \
    return slipway::simt::in_float([](float v) { return EXPRESSION; }, x);  \
  }                                                                         \
  inline __nv_bfloat16 h##NAME(__nv_bfloat16 x) {                           \
    return slipway::simt::in_float([](float v) { return EXPRESSION; }, x);  \
  }                                                                         \
  inline __half2 h2##NAME(__half2 x) {                                      \
    return slipway::simt::in_float2([](float v) { return EXPRESSION; }, x); \
  }                                                                         \
  inline __nv_bfloat162 h2##NAME(__nv_bfloat162 x) {                        \
    return slipway::simt::in_float2([](float v) { return EXPRESSION; }, x); \
  }
SLIPWAY_SIMT_HALF_FUNCTION(exp, std::exp(v))
SLIPWAY_SIMT_HALF_FUNCTION(exp2, std::exp2(v))
SLIPWAY_SIMT_HALF_FUNCTION(log, std::log(v))
SLIPWAY_SIMT_HALF_FUNCTION(log2, std::log2(v))
SLIPWAY_SIMT_HALF_FUNCTION(sqrt, std::sqrt(v))
SLIPWAY_SIMT_HALF_FUNCTION(rsqrt, 1.0f / std::sqrt(v))
SLIPWAY_SIMT_HALF_FUNCTION(rcp, 1.0f / v)
SLIPWAY_SIMT_HALF_FUNCTION(sin, std::sin(v))
SLIPWAY_SIMT_HALF_FUNCTION(cos, std::cos(v))
SLIPWAY_SIMT_HALF_FUNCTION(tanh, std::tanh(v))
SLIPWAY_SIMT_HALF_FUNCTION(floor, std::floor(v))
SLIPWAY_SIMT_HALF_FUNCTION(ceil, std::ceil(v))
SLIPWAY_SIMT_HALF_FUNCTION(rint, std::nearbyint(v))
SLIPWAY_SIMT_HALF_FUNCTION(trunc, std::trunc(v))
#undef SLIPWAY_SIMT_HALF_FUNCTION

inline __half __hfma(__half a, __half b, __half c) {
  return slipway::simt::in_float([](float x, float y, float z) { return std::fma(x, y, z); }, a, b, c);
}
inline __nv_bfloat16 __hfma(__nv_bfloat16 a, __nv_bfloat16 b, __nv_bfloat16 c) {
  return slipway::simt::in_float([](float x, float y, float z) { return std::fma(x, y, z); }, a, b, c);
}
inline __half2 __hfma2(__half2 a, __half2 b, __half2 c) {
  return {__hfma(a.x, b.x, c.x), __hfma(a.y, b.y, c.y)};
}
inline __nv_bfloat162 __hfma2(__nv_bfloat162 a, __nv_bfloat162 b, __nv_bfloat162 c) {
  return {__hfma(a.x, b.x, c.x), __hfma(a.y, b.y, c.y)};
}
inline int __half2int_rn(__half x) { return static_cast<int>(std::nearbyint(__half2float(x))); }
inline int __bfloat162int_rn(__nv_bfloat16 x) {
  return static_cast<int>(std::nearbyint(__bfloat162float(x)));
}
