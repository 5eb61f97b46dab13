#include "kernels/relu.h"

#include "kernels/cpu/element_functions.h"
#include "kernels/cpu/float_types.h"
#include "kernels/cpu/parallel.h"

namespace slipway::cpu {
namespace {

void forward(const Stream& stream, const ReluArgs& args) {
  visit_float(args.dtype, "relu_forward", [&]<class T>() {
    const T* x = static_cast<const T*>(args.x);
    T* y = static_cast<T*>(args.y);
    const T slope = static_cast<T>(args.slope);
    parallel_for(stream, args.count, kParallelGrain, [=](std::int64_t begin, std::int64_t end) {
      if (slope == T(0)) {
#pragma omp simd
        for (std::int64_t i = begin; i < end; ++i) y[i] = rectified(x[i]);
        return;
      }
#pragma omp simd
      for (std::int64_t i = begin; i < end; ++i) y[i] = rectified(x[i], slope);
    });
  });
}

void backward(const Stream& stream, const ReluGradientArgs& args) {
  visit_float(args.dtype, "relu_backward", [&]<class T>() {
    const T* dy = static_cast<const T*>(args.dy);
    const T* y = static_cast<const T*>(args.y);
    T* dx = static_cast<T*>(args.dx);
    const T slope = static_cast<T>(args.slope);
    const T* dy_too = static_cast<const T*>(args.dy_too);
    parallel_for(stream, args.count, kParallelGrain, [=](std::int64_t begin, std::int64_t end) {
      if (dy_too) {
#pragma omp simd
        for (std::int64_t i = begin; i < end; ++i) dx[i] = rectified_gradient(dy[i] + dy_too[i], y[i], slope);
        return;
      }
#pragma omp simd
      for (std::int64_t i = begin; i < end; ++i) dx[i] = rectified_gradient(dy[i], y[i], slope);
    });
  });
}

const KernelRegistrar<ReluArgs> kForward(relu_forward, DeviceKind::cpu, forward);
const KernelRegistrar<ReluGradientArgs> kBackward(relu_backward, DeviceKind::cpu, backward);

}  // namespace
}  // namespace slipway::cpu
