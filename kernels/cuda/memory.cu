#include "kernels/memory.h"

#include "core/base/convert.h"
#include "kernels/cuda/elementwise.cuh"

namespace slipway::cuda {
namespace {

template <class T>
struct Constant {
  AccumulatorOf<T> value;
  __device__ AccumulatorOf<T> operator()() const { return value; }
};

void run_fill(const Stream& stream, const FillArgs& args) {
  visit_element(args.dtype, [&]<class T>() {
    map(stream, args.count, Constant<T>{convert<AccumulatorOf<T>>(args.value)}, static_cast<T*>(args.y));
  });
}

struct Identity {
  template <class T>
  __device__ T operator()(T value) const {
    return value;
  }
};

void run_copy(const Stream& stream, const CopyArgs& args) {
  map(stream, static_cast<std::int64_t>(args.bytes), Identity(), static_cast<std::uint8_t*>(args.to),
      static_cast<const std::uint8_t*>(args.from));
}

/// Values on a GPU are row-major: there is nothing that a layout pads.
void run_zero_padding(const Stream&, const ZeroPaddingArgs& args) {
  require(!args.y.type.layout.is_blocked(), "zero_padding: ", args.y.type, " has a layout of the CPU");
}

const KernelRegistrar<FillArgs> kFill(fill, DeviceKind::cuda, run_fill);
const KernelRegistrar<CopyArgs> kCopy(copy_bytes, DeviceKind::cuda, run_copy);
const KernelRegistrar<ZeroPaddingArgs> kZeroPadding(zero_padding, DeviceKind::cuda, run_zero_padding);

}  // namespace
}  // namespace slipway::cuda
