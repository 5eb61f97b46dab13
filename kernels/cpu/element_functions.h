#pragma once

#include <cmath>
#include <cstdint>
#include <type_traits>

#include "kernels/binary.h"
#include "kernels/cpu/math.h"
#include "kernels/unary.h"

/// The functions of single elements, for the kernels of one function and for those of a whole chain.
namespace slipway::cpu {

// One struct a function: f(x), and f'(v) with v = f(x) where derivative_from_output says so.
struct Neg {
  static auto value(auto x) { return -x; }
  static auto derivative(auto x) { return decltype(x)(-1); }
};
struct Exp {
  static auto value(auto x) { return exp(x); }
  static auto derivative(auto y) { return y; }
};
struct Log {
  static auto value(auto x) { return log(x); }
  static auto derivative(auto x) { return 1 / x; }
};
struct Sqrt {
  static auto value(auto x) { return std::sqrt(x); }
  static auto derivative(auto y) { return decltype(y)(0.5) / y; }
};
struct Square {
  static auto value(auto x) { return x * x; }
  static auto derivative(auto x) { return 2 * x; }
};
struct Reciprocal {
  static auto value(auto x) { return 1 / x; }
  static auto derivative(auto y) { return -y * y; }
};
struct Abs {
  static auto value(auto x) { return std::abs(x); }
  static auto derivative(auto x) { return decltype(x)((x > 0) - (x < 0)); }
};
struct Sigmoid {
  static auto value(auto x) { return sigmoid(x); }
  static auto derivative(auto y) { return y * (1 - y); }
};
struct Tanh {
  static auto value(auto x) { return tanh(x); }
  static auto derivative(auto y) { return 1 - y * y; }
};
struct Silu {
  static auto value(auto x) { return x * sigmoid(x); }
  static auto derivative(auto x) {
    const auto s = sigmoid(x);
    return s * (1 + x * (1 - s));
  }
};
struct Softplus {
  static auto value(auto x) { return softplus(x); }
  static auto derivative(auto x) { return sigmoid(x); }
};
struct Gelu {
  static auto value(auto x) { return x * normal_cdf(x); }
  static auto derivative(auto x) { return normal_cdf(x) + x * normal_density(x); }
};
struct GeluTanh {  // x/2 (1 + tanh u), u = √(2/π) (x + 0.044715 x³); (1 + tanh u)/2 = sigmoid(2u)
  template <class T>
  static constexpr T kScale = T(1.5957691216057307117);  // 2 √(2/π)
  template <class T>
  static T value(T x) {
    return x * sigmoid(kScale<T> * (x + T(0.044715) * x * x * x));
  }
  template <class T>
  static T derivative(T x) {
    const T s = sigmoid(kScale<T> * (x + T(0.044715) * x * x * x));
    return s + x * s * (1 - s) * kScale<T> * (1 + T(3 * 0.044715) * x * x);
  }
};

template <class Body>
void visit_function(UnaryFunction function, Body&& body) {
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

/// Where T is computed: an overflow of unsigned integers is defined, and gives the bits that wrap around.
template <class T>
auto wrapping(T x) {
  if constexpr (std::is_integral_v<T>)
    return static_cast<std::make_unsigned_t<T>>(x);
  else
    return x;
}

struct Add {
  template <class T>
  static T apply(T a, T b) {
    return static_cast<T>(wrapping(a) + wrapping(b));
  }
};
struct Subtract {
  template <class T>
  static T apply(T a, T b) {
    return static_cast<T>(wrapping(a) - wrapping(b));
  }
};
struct Multiply {
  template <class T>
  static T apply(T a, T b) {
    return static_cast<T>(wrapping(a) * wrapping(b));
  }
};
struct Divide {
  template <class T>
  static T apply(T a, T b) {
    if constexpr (std::is_integral_v<T>) {
      if (b == 0) return 0;  // an integer has no infinity, and a trap would end the program
      if (b == -1) return Subtract::apply(T(0), a);  // the quotient of the smallest integer overflows
    }
    return a / b;
  }
};
struct Maximum {
  template <class T>
  static T apply(T a, T b) {
    return a > b || a != a ? a : b;
  }
};
struct Minimum {
  template <class T>
  static T apply(T a, T b) {
    return a < b || a != a ? a : b;
  }
};
struct MaximumShare {
  template <class T>
  static T apply(T a, T b) {
    return a > b ? T(1) : (a == b ? T(0.5) : T(0));
  }
};
struct Equal {
  template <class T>
  static T apply(T a, T b) {
    return a == b ? T(1) : T(0);
  }
};

template <class Body>
void visit_function(BinaryFunction function, Body&& body) {
  switch (function) {
    case BinaryFunction::add:
      return body.template operator()<Add>();
    case BinaryFunction::subtract:
      return body.template operator()<Subtract>();
    case BinaryFunction::multiply:
      return body.template operator()<Multiply>();
    case BinaryFunction::divide:
      return body.template operator()<Divide>();
    case BinaryFunction::maximum:
      return body.template operator()<Maximum>();
    case BinaryFunction::minimum:
      return body.template operator()<Minimum>();
    case BinaryFunction::maximum_share:
      return body.template operator()<MaximumShare>();
    case BinaryFunction::equal:
      return body.template operator()<Equal>();
  }
}

/// max(x, 0); keeps NaN.
template <class T>
T rectified(T x) {
  return x < T(0) ? T(0) : x;
}
template <class T>
T rectified(T x, T slope) {
  return x > T(0) ? x : slope * x;
}
/// The gradient of either, from its output.
template <class T>
T rectified_gradient(T dy, T y, T slope) {
  return y > T(0) ? dy : slope * dy;
}

}  // namespace slipway::cpu
