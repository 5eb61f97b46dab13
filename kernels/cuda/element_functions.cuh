#pragma once

#include <type_traits>

#include "kernels/binary.h"
#include "kernels/cuda/math.cuh"
#include "kernels/unary.h"

/// The functions of single elements, for the kernels of one function and for those of a whole chain.
namespace slipway::cuda {

// One struct a function: f(x), and f'(v) with v = f(x) where derivative_from_output says so.
struct Neg {
  static __device__ auto value(auto x) { return -x; }
  static __device__ auto derivative(auto x) { return decltype(x)(-1); }
};
struct Exp {
  static __device__ auto value(auto x) { return exponential(x); }
  static __device__ auto derivative(auto y) { return y; }
};
struct Log {
  static __device__ auto value(auto x) { return logarithm(x); }
  static __device__ auto derivative(auto x) { return 1 / x; }
};
struct Sqrt {
  static __device__ auto value(auto x) { return square_root(x); }
  static __device__ auto derivative(auto y) { return decltype(y)(0.5) / y; }
};
struct Square {
  static __device__ auto value(auto x) { return x * x; }
  static __device__ auto derivative(auto x) { return 2 * x; }
};
struct Reciprocal {
  static __device__ auto value(auto x) { return 1 / x; }
  static __device__ auto derivative(auto y) { return -y * y; }
};
struct Abs {
  static __device__ auto value(auto x) { return magnitude(x); }
  static __device__ auto derivative(auto x) { return decltype(x)((x > 0) - (x < 0)); }
};
struct Sigmoid {
  static __device__ auto value(auto x) { return sigmoid(x); }
  static __device__ auto derivative(auto y) { return y * (1 - y); }
};
struct Tanh {
  static __device__ auto value(auto x) { return hyperbolic_tangent(x); }
  static __device__ auto derivative(auto y) { return 1 - y * y; }
};
struct Silu {
  static __device__ auto value(auto x) { return x * sigmoid(x); }
  static __device__ auto derivative(auto x) {
    const auto s = sigmoid(x);
    return s * (1 + x * (1 - s));
  }
};
struct Softplus {
  static __device__ auto value(auto x) { return softplus(x); }
  static __device__ auto derivative(auto x) { return sigmoid(x); }
};
struct Gelu {
  static __device__ auto value(auto x) { return x * normal_cdf(x); }
  static __device__ auto derivative(auto x) { return normal_cdf(x) + x * normal_density(x); }
};
struct GeluTanh {  // x/2 (1 + tanh u), u = √(2/π) (x + 0.044715 x³); (1 + tanh u)/2 = sigmoid(2u)
  template <class A>
  static __device__ A value(A x) {
    constexpr A kScale = A(1.5957691216057307117);  // 2 √(2/π)
    return x * sigmoid(kScale * (x + A(0.044715) * x * x * x));
  }
  template <class A>
  static __device__ A derivative(A x) {
    constexpr A kScale = A(1.5957691216057307117);
    const A s = sigmoid(kScale * (x + A(0.044715) * x * x * x));
    return s + x * s * (1 - s) * kScale * (1 + A(3 * 0.044715) * x * x);
  }
};

template <class Body>
constexpr void visit_function(UnaryFunction function, Body&& body) {
  switch (function) {
    case UnaryFunction::neg:
      return body.template operator()<Neg>();
    case UnaryFunction::exp:
      return body.template operator()<Exp>();
    case UnaryFunction::log:
      return body.template operator()<Log>();
    case UnaryFunction::sqrt:
      return body.template operator()<Sqrt>();
    case UnaryFunction::square:
      return body.template operator()<Square>();
    case UnaryFunction::reciprocal:
      return body.template operator()<Reciprocal>();
    case UnaryFunction::abs:
      return body.template operator()<Abs>();
    case UnaryFunction::sigmoid:
      return body.template operator()<Sigmoid>();
    case UnaryFunction::tanh:
      return body.template operator()<Tanh>();
    case UnaryFunction::silu:
      return body.template operator()<Silu>();
    case UnaryFunction::softplus:
      return body.template operator()<Softplus>();
    case UnaryFunction::gelu:
      return body.template operator()<Gelu>();
    case UnaryFunction::gelu_tanh:
      return body.template operator()<GeluTanh>();
  }
}

/// Where A is computed: integers wrap around, which only unsigned ones may.
template <class A>
__device__ auto wrapping(A x) {
  if constexpr (std::is_integral_v<A>)
    return static_cast<std::make_unsigned_t<A>>(x);
  else
    return x;
}

template <BinaryFunction kFunction>
struct BinaryOf {
  template <class A>
  __device__ A operator()(A a, A b) const {
    if constexpr (kFunction == BinaryFunction::add) return static_cast<A>(wrapping(a) + wrapping(b));
    if constexpr (kFunction == BinaryFunction::subtract) return static_cast<A>(wrapping(a) - wrapping(b));
    if constexpr (kFunction == BinaryFunction::multiply) return static_cast<A>(wrapping(a) * wrapping(b));
    if constexpr (kFunction == BinaryFunction::divide) return divide(a, b);
    if constexpr (kFunction == BinaryFunction::maximum) return a > b || a != a ? a : b;
    if constexpr (kFunction == BinaryFunction::minimum) return a < b || a != a ? a : b;
    if constexpr (kFunction == BinaryFunction::maximum_share) return a > b ? A(1) : (a == b ? A(0.5) : A(0));
    if constexpr (kFunction == BinaryFunction::equal) return a == b ? A(1) : A(0);
  }
  /// An integer has no infinity: n / 0 is 0; the smallest one by -1 wraps around.
  template <class A>
  static __device__ A divide(A a, A b) {
    if constexpr (std::is_integral_v<A>) {
      if (b == 0) return 0;
      if (b == -1) return static_cast<A>(0 - wrapping(a));
    }
    return a / b;
  }
};

template <class Body>
constexpr void visit_function(BinaryFunction function, Body&& body) {
  switch (function) {
    case BinaryFunction::add:
      return body.template operator()<BinaryOf<BinaryFunction::add>>();
    case BinaryFunction::subtract:
      return body.template operator()<BinaryOf<BinaryFunction::subtract>>();
    case BinaryFunction::multiply:
      return body.template operator()<BinaryOf<BinaryFunction::multiply>>();
    case BinaryFunction::divide:
      return body.template operator()<BinaryOf<BinaryFunction::divide>>();
    case BinaryFunction::maximum:
      return body.template operator()<BinaryOf<BinaryFunction::maximum>>();
    case BinaryFunction::minimum:
      return body.template operator()<BinaryOf<BinaryFunction::minimum>>();
    case BinaryFunction::maximum_share:
      return body.template operator()<BinaryOf<BinaryFunction::maximum_share>>();
    case BinaryFunction::equal:
      return body.template operator()<BinaryOf<BinaryFunction::equal>>();
  }
}

// y = x where x > 0, else slope x, and of relu 0, also at -infinity;
// dx = g where y > 0, else slope g, g = dy + dy_too
template <class A>
struct Rectified {
  A slope;
  __device__ A operator()(A x) const {
    if (slope == A(0)) return x < A(0) ? A(0) : x;  // keeps NaN
    return x > A(0) ? x : slope * x;
  }
};
template <class A>
struct RectifiedGradient {
  A slope;
  __device__ A operator()(A dy, A y) const { return y > A(0) ? dy : slope * dy; }
  __device__ A operator()(A dy, A dy_too, A y) const { return (*this)(dy + dy_too, y); }
};

}  // namespace slipway::cuda
