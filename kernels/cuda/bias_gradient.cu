#include "kernels/cuda/bias_gradient.h"

#include "kernels/cuda/channel_partials.cuh"

namespace slipway::cuda {
namespace {

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

ChannelParts parts_of(const ValueType& dy) {
  return {dy.shape[0], dy.shape[1], dy.shape.elements(2, dy.shape.rank())};
}

}  // namespace

std::size_t BiasGradient::scratch_bytes() const {
  return static_cast<std::size_t>(parts_of(dy_).states()) * accumulator_size(dy_.dtype);
}

void BiasGradient::run(const Stream& stream, const void* dy, void* dbias, std::byte* scratch) const {
  visit_float(dy_.dtype, "bias gradient", [&]<class T>() {
    const T* x = static_cast<const T*>(dy);
    sum_channels<kPackSize<T>>(stream, parts_of(dy_), SumTerms<T>{x}, StoreSum<T>{static_cast<T*>(dbias)},
                               aligned_for_packs(kPackSize<T>, x), scratch);
  });
}

}  // namespace slipway::cuda
