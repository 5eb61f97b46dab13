#include "kernels/relu.h"

#include "kernels/cuda/elementwise.cuh"

namespace slipway::cuda {
namespace {

// y = x where x > 0, else slope x, and of relu 0, also at -infinity;
// dx = g where y > 0, else slope g, g = dy + dy_too
template <class A>
struct Forward {
  A slope;
  __device__ A operator()(A x) const {
    if (slope == A(0)) return x < A(0) ? A(0) : x;  // keeps NaN
    return x > A(0) ? x : slope * x;
  }
};
template <class A>
struct Backward {
  A slope;
  __device__ A operator()(A dy, A y) const { return y > A(0) ? dy : slope * dy; }
  __device__ A operator()(A dy, A dy_too, A y) const { return (*this)(dy + dy_too, y); }
};

void forward(const Stream& stream, const ReluArgs& args) {
  visit_float(args.dtype, "relu_forward", [&]<class T>() {
    using A = AccumulatorOf<T>;
    map(stream, args.count, Forward<A>{static_cast<A>(args.slope)}, static_cast<T*>(args.y),
        static_cast<const T*>(args.x));
  });
}

void backward(const Stream& stream, const ReluGradientArgs& args) {
  visit_float(args.dtype, "relu_backward", [&]<class T>() {
    using A = AccumulatorOf<T>;
    const Backward<A> gradient{static_cast<A>(args.slope)};
    const T *dy = static_cast<const T*>(args.dy), *dy_too = static_cast<const T*>(args.dy_too);
    const T* y = static_cast<const T*>(args.y);
    T* dx = static_cast<T*>(args.dx);
    if (dy_too)
      map(stream, args.count, gradient, dx, dy, dy_too, y);
    else
      map(stream, args.count, gradient, dx, dy, y);
  });
}

const KernelRegistrar<ReluArgs> kForward(relu_forward, DeviceKind::cuda, forward);
const KernelRegistrar<ReluGradientArgs> kBackward(relu_backward, DeviceKind::cuda, backward);

}  // namespace
}  // namespace slipway::cuda
