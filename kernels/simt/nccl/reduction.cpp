#include "kernels/simt/nccl/reduction.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <type_traits>

#include "core/base/half.h"

namespace slipway::simt {
namespace {

template <class T>
T combine(ncclRedOp_t op, T a, T b) {
  switch (op) {
    case ncclProd:
      return static_cast<T>(a * b);
    case ncclMax:
      if constexpr (std::is_floating_point_v<T>) return std::fmax(a, b);
      return std::max(a, b);
    case ncclMin:
      if constexpr (std::is_floating_point_v<T>) return std::fmin(a, b);
      return std::min(a, b);
    default:
      return static_cast<T>(a + b);  // ncclSum, and ncclAvg before its division
  }
}

/// T is how elements are stored, A how they are accumulated.
template <class T, class A = T>
void reduce_elements(const Reduction& reduction, const std::vector<const void*>& sources, void* target) {
  for (std::size_t i = 0; i < reduction.count; ++i) {
    A result = static_cast<A>(static_cast<const T*>(sources[0])[i]);
    for (std::size_t source = 1; source < sources.size(); ++source) {
      result = combine(reduction.op, result, static_cast<A>(static_cast<const T*>(sources[source])[i]));
    }
    if (reduction.op == ncclAvg) result = static_cast<A>(result / static_cast<A>(sources.size()));
    static_cast<T*>(target)[i] = static_cast<T>(result);
  }
}

}  // namespace

std::size_t size_of(ncclDataType_t type) {
  switch (type) {
    case ncclInt8:
    case ncclUint8:
      return 1;
    case ncclFloat16:
    case ncclBfloat16:
      return 2;
    case ncclInt32:
    case ncclUint32:
    case ncclFloat32:
      return 4;
    case ncclInt64:
    case ncclUint64:
    case ncclFloat64:
      return 8;
    default:
      return 0;
  }
}

void reduce(const Reduction& reduction, const std::vector<const void*>& sources, void* target) {
  switch (reduction.type) {
    case ncclInt8:
      return reduce_elements<std::int8_t>(reduction, sources, target);
    case ncclUint8:
      return reduce_elements<std::uint8_t>(reduction, sources, target);
    case ncclInt32:
      return reduce_elements<std::int32_t>(reduction, sources, target);
    case ncclUint32:
      return reduce_elements<std::uint32_t>(reduction, sources, target);
    case ncclInt64:
      return reduce_elements<std::int64_t>(reduction, sources, target);
    case ncclUint64:
      return reduce_elements<std::uint64_t>(reduction, sources, target);
    case ncclFloat16:
      return reduce_elements<float16, float>(reduction, sources, target);
    case ncclBfloat16:
      return reduce_elements<bfloat16, float>(reduction, sources, target);
    case ncclFloat32:
      return reduce_elements<float>(reduction, sources, target);
    case ncclFloat64:
      return reduce_elements<double>(reduction, sources, target);
    default:
      return;
  }
}

}  // namespace slipway::simt
