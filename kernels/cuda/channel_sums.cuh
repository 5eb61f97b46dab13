#pragma once

#include "kernels/cuda/channel_partials.cuh"

namespace slipway::cuda {

template <class T>
struct SumTerms {
  using State = AccumulatorOf<T>;
  using Combine = Add;
  const T* x;

  template <int kWidth>
  __device__ void add(State& sum, std::int64_t i, std::int64_t) const {
    const Pack<T, kWidth> pack = load_pack<kWidth>(x + i);
#pragma unroll
    for (int k = 0; k < kWidth; ++k) sum += to_accumulator(pack.values[k]);
  }
};

template <class T>
struct StoreSum {
  T* y;
  __device__ void operator()(std::int64_t channel, AccumulatorOf<T> sum) const {
    y[channel] = from_accumulator<T>(sum);
  }
};

/// Scratch of channel_sums.
inline std::size_t channel_sums_bytes(const ChannelParts& parts, DType dtype) {
  return static_cast<std::size_t>(parts.states()) * accumulator_size(dtype);
}

/// Enqueues y[c] = Σ x over all axes but the second of [batch, channels, pixels]: the gradient of a bias.
template <class T>
void channel_sums(const Stream& stream, const ChannelParts& parts, const T* x, T* y, std::byte* scratch) {
  sum_channels<kPackSize<T>>(stream, parts, SumTerms<T>{x}, StoreSum<T>{y},
                             aligned_for_packs(kPackSize<T>, x), scratch);
}

}  // namespace slipway::cuda
