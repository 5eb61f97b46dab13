#include "kernels/relu.h"

#include "kernels/cuda/element_functions.cuh"
#include "kernels/cuda/elementwise.cuh"

namespace slipway::cuda {
namespace {

void forward(const Stream& stream, const ReluArgs& args) {
  visit_float(args.dtype, "relu_forward", [&]<class T>() {
    using A = AccumulatorOf<T>;
    map(stream, args.count, Rectified<A>{static_cast<A>(args.slope)}, static_cast<T*>(args.y),
        static_cast<const T*>(args.x));
  });
}

void backward(const Stream& stream, const ReluGradientArgs& args) {
  visit_float(args.dtype, "relu_backward", [&]<class T>() {
    using A = AccumulatorOf<T>;
    const RectifiedGradient<A> gradient{static_cast<A>(args.slope)};
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
