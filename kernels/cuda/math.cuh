#pragma once

#include "kernels/cuda/elements.cuh"

namespace slipway::cuda {

// The standard functions by one name for both accumulators. float: within 2 units in the last place.
__device__ inline float exponential(float x) { return expf(x); }
__device__ inline double exponential(double x) { return ::exp(x); }
__device__ inline float logarithm(float x) { return logf(x); }
__device__ inline double logarithm(double x) { return ::log(x); }
__device__ inline float square_root(float x) { return sqrtf(x); }
__device__ inline double square_root(double x) { return ::sqrt(x); }
__device__ inline float magnitude(float x) { return fabsf(x); }
__device__ inline double magnitude(double x) { return ::fabs(x); }
__device__ inline float hyperbolic_tangent(float x) { return tanhf(x); }
__device__ inline double hyperbolic_tangent(double x) { return ::tanh(x); }

template <class A>
__device__ inline bool is_finite(A x) {
  return x - x == A(0);
}

template <class A>
__device__ inline A sigmoid(A x) {
  return A(1) / (A(1) + exponential(-x));
}

/// log(1 + e^x) without overflow.
__device__ inline float softplus(float x) {
  return (x > 0.0f ? x : (x <= 0.0f ? 0.0f : x)) + log1pf(expf(-fabsf(x)));
}
__device__ inline double softplus(double x) {
  return (x > 0.0 ? x : (x <= 0.0 ? 0.0 : x)) + ::log1p(::exp(-::fabs(x)));
}

/// The density of the standard normal distribution, exp(-x²/2) / √(2π).
template <class A>
__device__ inline A normal_density(A x) {
  return A(0.39894228040143267794) * exponential(A(-0.5) * x * x);
}

/// The distribution function of the standard normal, erfc(-x / √2) / 2.
__device__ inline float normal_cdf(float x) { return 0.5f * erfcf(-x * 0.70710678f); }
__device__ inline double normal_cdf(double x) { return 0.5 * ::erfc(-x * 0.70710678118654752440); }

}  // namespace slipway::cuda
