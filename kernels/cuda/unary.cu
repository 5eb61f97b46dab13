#include "kernels/unary.h"

#include "kernels/cuda/element_functions.cuh"
#include "kernels/cuda/elementwise.cuh"

namespace slipway::cuda {
namespace {

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
