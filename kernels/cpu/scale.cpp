#include "kernels/scale.h"

#include "kernels/cpu/float_types.h"
#include "kernels/cpu/parallel.h"

namespace slipway::cpu {
namespace {

void run(const Stream& stream, const ScaleArgs& args) {
  visit_float(args.dtype, "scale", [&]<class T>() {
    const T* x = static_cast<const T*>(args.x);
    T* y = static_cast<T*>(args.y);
    const T scale = *static_cast<const T*>(args.scale);
    if (scale == T(1) && x == y) return;  // the usual gradient of a loss
    parallel_for(stream, args.count, kParallelGrain, [=](std::int64_t begin, std::int64_t end) {
#pragma omp simd
      for (std::int64_t i = begin; i < end; ++i) y[i] = x[i] * scale;
    });
  });
}

const KernelRegistrar<ScaleArgs> kRegistered(scale_kernel, DeviceKind::cpu, run);

}  // namespace
}  // namespace slipway::cpu
