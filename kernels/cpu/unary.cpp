#include "kernels/unary.h"

#include "kernels/cpu/element_functions.h"
#include "kernels/cpu/float_types.h"
#include "kernels/cpu/parallel.h"

namespace slipway::cpu {
namespace {

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
