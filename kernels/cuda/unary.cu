#include "kernels/unary.h"

#include "kernels/cuda/elementwise.cuh"
#include "kernels/cuda/math.cuh"

namespace slipway::cuda {
namespace {

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

// y = f(x);  dx = dy f'(v)
template <class F>
struct Forward {
  template <class A>
  __device__ A operator()(A x) const {
    return F::value(x);
  }
};
template <class F>
struct Backward {
  template <class A>
  __device__ A operator()(A dy, A v) const {
    return dy * F::derivative(v);
  }
};

void forward(const Stream& stream, const UnaryArgs& args) {
  visit_float(args.dtype, "unary_forward", [&]<class T>() {
    visit_function(args.function, [&]<class F>() {
      map(stream, args.count, Forward<F>(), static_cast<T*>(args.y), static_cast<const T*>(args.x));
    });
  });
}

void backward(const Stream& stream, const UnaryGradientArgs& args) {
  visit_float(args.dtype, "unary_backward", [&]<class T>() {
    visit_function(args.function, [&]<class F>() {
      map(stream, args.count, Backward<F>(), static_cast<T*>(args.dx), static_cast<const T*>(args.dy),
          static_cast<const T*>(args.v));
    });
  });
}

const KernelRegistrar<UnaryArgs> kForward(unary_forward, DeviceKind::cuda, forward);
const KernelRegistrar<UnaryGradientArgs> kBackward(unary_backward, DeviceKind::cuda, backward);

}  // namespace
}  // namespace slipway::cuda
