#pragma once

#include "kernels/cuda/elements.cuh"

namespace slipway::cuda {

template <class Y, int kWidth, class Function, class... X>
__device__ inline Pack<Y, kWidth> map_pack(const Function& function, const Pack<X, kWidth>&... x) {
  Pack<Y, kWidth> y;
#pragma unroll
  for (int k = 0; k < kWidth; ++k)
    y.values[k] = from_accumulator<Y>(function(to_accumulator(x.values[k])...));
  return y;
}

/// y[i] = function(x[i]...): the first `packs` kWidth elements at a time, what is left one by one.
template <int kWidth, class Function, class Y, class... X>
__global__ void __launch_bounds__(kBlockThreads)
    map_elements(const Function function, const std::int64_t packs, const std::int64_t count, Y* y,
                 const X*... x) {
  const std::int64_t step = grid_threads();
  for (std::int64_t i = grid_thread(); i < packs; i += step) {
    store_pack(y + i * kWidth, map_pack<Y, kWidth>(function, load_pack<kWidth>(x + i * kWidth)...));
  }
  for (std::int64_t i = packs * kWidth + grid_thread(); i < count; i += step) {
    y[i] = from_accumulator<Y>(function(to_accumulator(x[i])...));
  }
}

/// Enqueues y[i] = function(x[i]...) for `count` elements. The function, a trivially copyable object, takes
/// and gives accumulators. y may be any of x.
template <class Function, class Y, class... X>
void map(const Stream& stream, std::int64_t count, const Function& function, Y* y, const X*... x) {
  constexpr int kWidth = static_cast<int>(16 / std::max({sizeof(Y), sizeof(X)...}));
  const bool aligned = aligned_for_packs(kWidth, y) && (aligned_for_packs(kWidth, x) && ...);
  const std::int64_t packs = aligned ? count / kWidth : 0;
  launch(stream, elementwise_shape(stream, packs > 0 ? packs : count),
         map_elements<kWidth, Function, Y, X...>, function, packs, count, y, x...);
}

}  // namespace slipway::cuda
