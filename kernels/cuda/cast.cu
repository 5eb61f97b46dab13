#include "kernels/cast.h"

#include <limits>

#include "kernels/cuda/elementwise.cuh"

namespace slipway::cuda {
namespace {

/// `a` and `b` compared as the numbers that they are, whatever their signedness.
template <class A, class B>
__device__ bool less(A a, B b) {
  return static_cast<std::int64_t>(a) < static_cast<std::int64_t>(b);
}

template <class To>
struct Convert {
  using Result = AccumulatorOf<To>;

  template <class From>
  __device__ Result operator()(From x) const {
    if constexpr (std::is_same_v<To, bool>) {
      return x != From(0);
    } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
      // The lower bound is a power of two and exact; the upper one may round up to the power of two past it.
      constexpr To kLow = std::numeric_limits<To>::min(), kHigh = std::numeric_limits<To>::max();
      if (x != x) return To(0);
      if (x <= static_cast<From>(kLow)) return kLow;
      if (x >= static_cast<From>(kHigh)) return kHigh;
      return static_cast<To>(x);
    } else if constexpr (std::is_integral_v<From> && std::is_integral_v<To> && !std::is_same_v<From, bool>) {
      constexpr To kLow = std::numeric_limits<To>::min(), kHigh = std::numeric_limits<To>::max();
      if (less(x, kLow)) return kLow;
      return less(kHigh, x) ? kHigh : static_cast<To>(x);
    } else {
      return static_cast<Result>(x);
    }
  }
};

void run(const Stream& stream, const CastArgs& args) {
  visit_element(args.from, [&]<class From>() {
    visit_element(args.to, [&]<class To>() {
      map(stream, args.count, Convert<To>(), static_cast<To*>(args.y), static_cast<const From*>(args.x));
    });
  });
}

const KernelRegistrar<CastArgs> kCast(cast, DeviceKind::cuda, run);

}  // namespace
}  // namespace slipway::cuda
