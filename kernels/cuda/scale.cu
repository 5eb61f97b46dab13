#include "kernels/scale.h"

#include "kernels/cuda/elementwise.cuh"

namespace slipway::cuda {
namespace {

template <class T>
struct ScaleBy {
  const T* scale;  // []
  __device__ AccumulatorOf<T> operator()(AccumulatorOf<T> x) const { return x * to_accumulator(*scale); }
};

void run(const Stream& stream, const ScaleArgs& args) {
  visit_float(args.dtype, "scale", [&]<class T>() {
    map(stream, args.count, ScaleBy<T>{static_cast<const T*>(args.scale)}, static_cast<T*>(args.y),
        static_cast<const T*>(args.x));
  });
}

const KernelRegistrar<ScaleArgs> kRegistered(scale_kernel, DeviceKind::cuda, run);

}  // namespace
}  // namespace slipway::cuda
