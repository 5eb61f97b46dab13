#include "kernels/gather.h"

#include <limits>

#include "kernels/cuda/divisor.cuh"
#include "kernels/cuda/elements.cuh"

namespace slipway::cuda {
namespace {

/// [outer, picked, inner] places that refer to [outer, count, inner].
template <class Id>
struct Places {
  const Id* ids;
  std::int64_t count, picked;
  Divisor by_inner, by_picked;

  struct Place {
    std::int64_t outer, k, i;
  };
  __device__ Place at(std::int64_t index) const {
    const std::int64_t row = by_inner.quotient(index), outer = by_picked.quotient(row);
    return {outer, by_picked.remainder(row, outer), by_inner.remainder(index, row)};
  }
  __device__ std::int64_t index(const Place& place, std::int64_t k) const {
    return (place.outer * picked + k) * by_inner.divisor() + place.i;
  }
  __device__ std::int64_t target(const Place& place, std::int64_t id) const {
    return (place.outer * count + id) * by_inner.divisor() + place.i;
  }
  __device__ bool is_inside(std::int64_t id) const { return id >= 0 && id < count; }
};

template <class T, class Id>
__global__ void __launch_bounds__(kBlockThreads)
    gather_elements(const Places<Id> places, const std::int64_t elements, const T* x, T* y) {
  const T nothing = from_accumulator<T>(std::numeric_limits<AccumulatorOf<T>>::quiet_NaN());
  for (std::int64_t index = grid_thread(); index < elements; index += grid_threads()) {
    const std::int64_t id = places.ids[index];
    y[index] = places.is_inside(id) ? x[places.target(places.at(index), id)] : nothing;
  }
}

/// A thread an update; the first one of each target adds up all of them, in their order.
template <class T, class Id>
__global__ void __launch_bounds__(kBlockThreads)
    add_elements(const Places<Id> places, const std::int64_t elements, const T* updates, T* y) {
  for (std::int64_t index = grid_thread(); index < elements; index += grid_threads()) {
    const std::int64_t id = places.ids[index];
    if (!places.is_inside(id)) continue;
    const auto place = places.at(index);
    bool is_first = true;
    for (std::int64_t k = 0; k < place.k && is_first; ++k)
      is_first = places.ids[places.index(place, k)] != id;
    if (!is_first) continue;
    T& target = y[places.target(place, id)];
    AccumulatorOf<T> sum = to_accumulator(target);
    for (std::int64_t k = place.k; k < places.picked; ++k) {
      const std::int64_t other = places.index(place, k);
      if (places.ids[other] == id) sum += to_accumulator(updates[other]);
    }
    target = from_accumulator<T>(sum);
  }
}

/// Calls body.template operator()<T>(places, elements) unless there are none.
template <class Args, class Body>
void with_places(const Args& args, const char* kernel, Body&& body) {
  const std::int64_t elements = args.outer * args.picked * args.inner;
  const auto call = [&]<class Id>() {
    visit_float(args.dtype, kernel, [&]<class T>() {
      if (elements == 0) return;
      body.template operator()<T>(Places<Id>{.ids = static_cast<const Id*>(args.ids),
                                             .count = args.count,
                                             .picked = args.picked,
                                             .by_inner = Divisor(args.inner),
                                             .by_picked = Divisor(args.picked)},
                                  elements);
    });
  };
  require(args.ids_dtype == DType::int32 || args.ids_dtype == DType::int64, kernel,
          ": expects int32 or int64 ids, got ", args.ids_dtype);
  if (args.ids_dtype == DType::int64)
    call.template operator()<std::int64_t>();
  else
    call.template operator()<std::int32_t>();
}

void gather(const Stream& stream, const GatherArgs& args) {
  with_places(args, "gather", [&]<class T, class Id>(const Places<Id>& places, std::int64_t elements) {
    launch(stream, elementwise_shape(stream, elements), gather_elements<T, Id>, places, elements,
           static_cast<const T*>(args.x), static_cast<T*>(args.y));
  });
}

void scatter_add(const Stream& stream, const ScatterAddArgs& args) {
  with_places(args, "scatter_add", [&]<class T, class Id>(const Places<Id>& places, std::int64_t elements) {
    launch(stream, elementwise_shape(stream, elements), add_elements<T, Id>, places, elements,
           static_cast<const T*>(args.updates), static_cast<T*>(args.y));
  });
}

const KernelRegistrar<GatherArgs> kGather(gather_kernel, DeviceKind::cuda, gather);
const KernelRegistrar<ScatterAddArgs> kScatterAdd(scatter_add_kernel, DeviceKind::cuda, scatter_add);

}  // namespace
}  // namespace slipway::cuda
