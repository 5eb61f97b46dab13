#include "kernels/gather.h"

#include <limits>

#include "kernels/cpu/float_types.h"
#include "kernels/cpu/parallel.h"

namespace slipway::cpu {
namespace {

/// Calls body.template operator()<T, Id>().
template <class Body>
void visit_types(DType dtype, DType ids, const char* kernel, Body&& body) {
  require(ids == DType::int32 || ids == DType::int64, kernel, ": expects int32 or int64 ids, got ", ids);
  visit_float(dtype, kernel, [&]<class T>() {
    if (ids == DType::int64)
      body.template operator()<T, std::int64_t>();
    else
      body.template operator()<T, std::int32_t>();
  });
}

void gather(const Stream& stream, const GatherArgs& args) {
  visit_types(args.dtype, args.ids_dtype, "gather", [&]<class T, class Id>() {
    const std::int64_t count = args.count, picked = args.picked, inner = args.inner;
    const T* x = static_cast<const T*>(args.x);
    const Id* ids = static_cast<const Id*>(args.ids);
    T* y = static_cast<T*>(args.y);
    const Stream used = limited(stream, args.outer * picked * inner);
    parallel_each(used, args.outer * picked, [=](std::int64_t row) {
      const T* from = x + row / picked * count * inner;
      for (std::int64_t i = 0; i < inner; ++i) {
        const auto id = static_cast<std::int64_t>(ids[row * inner + i]);
        const bool found = id >= 0 && id < count;
        y[row * inner + i] = found ? from[id * inner + i] : std::numeric_limits<T>::quiet_NaN();
      }
    });
  });
}

void scatter_add(const Stream& stream, const ScatterAddArgs& args) {
  visit_types(args.dtype, args.ids_dtype, "scatter_add", [&]<class T, class Id>() {
    const std::int64_t count = args.count, picked = args.picked, inner = args.inner;
    const T* updates = static_cast<const T*>(args.updates);
    const Id* ids = static_cast<const Id*>(args.ids);
    T* y = static_cast<T*>(args.y);
    const Stream used = limited(stream, args.outer * picked * inner);
    // Whoever has a line has all that is added to it.
    parallel_for(used, args.outer * inner, 1, [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t line = begin; line < end; ++line) {
        const std::int64_t outer = line / inner, i = line % inner;
        for (std::int64_t k = 0; k < picked; ++k) {
          const std::int64_t at = (outer * picked + k) * inner + i;
          const auto id = static_cast<std::int64_t>(ids[at]);
          if (id >= 0 && id < count) y[(outer * count + id) * inner + i] += updates[at];
        }
      }
    });
  });
}

template <class T>
bool comes_before(T a, T b) {
  return a > b || (a != a && b == b);
}

/// The best so far stand sorted where the result belongs; most elements end at the first comparison.
template <class T>
void pick_line(const T* x, std::int64_t count, std::int64_t picked, std::int64_t stride, T* values,
               std::int64_t* indices) {
  std::int64_t held = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    const T value = x[i * stride];
    if (held == picked && (picked == 0 || !comes_before(value, values[(picked - 1) * stride]))) continue;
    std::int64_t at = held < picked ? held++ : picked - 1;
    for (; at > 0 && comes_before(value, values[(at - 1) * stride]); --at) {
      values[at * stride] = values[(at - 1) * stride];
      indices[at * stride] = indices[(at - 1) * stride];
    }
    values[at * stride] = value;
    indices[at * stride] = i;
  }
}

void top_k(const Stream& stream, const TopKArgs& args) {
  visit_float(args.dtype, "top_k", [&]<class T>() {
    const std::int64_t count = args.count, picked = args.picked, inner = args.inner;
    const T* x = static_cast<const T*>(args.x);
    T* values = static_cast<T*>(args.values);
    std::int64_t* indices = args.indices;
    parallel_each(limited(stream, args.outer * count * inner), args.outer * inner, [=](std::int64_t line) {
      const std::int64_t outer = line / inner, i = line % inner, to = outer * picked * inner + i;
      pick_line(x + outer * count * inner + i, count, picked, inner, values + to, indices + to);
    });
  });
}

const KernelRegistrar<GatherArgs> kGather(gather_kernel, DeviceKind::cpu, gather);
const KernelRegistrar<ScatterAddArgs> kScatterAdd(scatter_add_kernel, DeviceKind::cpu, scatter_add);
const KernelRegistrar<TopKArgs> kTopK(top_k_kernel, DeviceKind::cpu, top_k);

}  // namespace
}  // namespace slipway::cpu
