#include "kernels/unary.h"

#include "kernels/cpu/float_types.h"
#include "kernels/cpu/math.h"
#include "kernels/cpu/parallel.h"

namespace slipway::cpu {
namespace {

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

/// Elements from which a second thread pays: these functions cost more than the memory they pass over.
constexpr std::int64_t kGrain = kParallelGrain / 4;

void forward(const Stream& stream, const UnaryArgs& args) {
  visit_float(args.dtype, "unary_forward", [&]<class T>() {
    visit_function(args.function, [&]<class F>() {
      const T* x = static_cast<const T*>(args.x);
      T* y = static_cast<T*>(args.y);
      parallel_for(stream, args.count, kGrain, [=](std::int64_t begin, std::int64_t end) {
#pragma omp simd
        for (std::int64_t i = begin; i < end; ++i) y[i] = F::value(x[i]);
      });
    });
  });
}

void backward(const Stream& stream, const UnaryGradientArgs& args) {
  visit_float(args.dtype, "unary_backward", [&]<class T>() {
    visit_function(args.function, [&]<class F>() {
      const T* dy = static_cast<const T*>(args.dy);
      const T* v = static_cast<const T*>(args.v);
      T* dx = static_cast<T*>(args.dx);
      parallel_for(stream, args.count, kGrain, [=](std::int64_t begin, std::int64_t end) {
#pragma omp simd
        for (std::int64_t i = begin; i < end; ++i) dx[i] = dy[i] * F::derivative(v[i]);
      });
    });
  });
}

const KernelRegistrar<UnaryArgs> kForward(unary_forward, DeviceKind::cpu, forward);
const KernelRegistrar<UnaryGradientArgs> kBackward(unary_backward, DeviceKind::cpu, backward);

}  // namespace
}  // namespace slipway::cpu
