#include "kernels/dropout.h"

#include <cmath>

#include "kernels/cuda/elements.cuh"
#include "kernels/cuda/philox.cuh"

namespace slipway::cuda {
namespace {

// Of each group of 64 elements, element 16 j + l is dropped if word j of the group's l-th block of random
// words lies below a bound, else y = x scale.
template <class T>
struct Dropout {
  using A = AccumulatorOf<T>;
  static constexpr int kGroup = 64, kLanes = 16;
  static constexpr int kWidth = kPackSize<T>;  // lanes of a thread

  std::uint64_t key;
  const std::int64_t* step;  // []
  std::uint32_t bound;
  A scale;
  std::int64_t first;  // index of x[0] in the whole batch

  __device__ PhiloxWords draw(std::int64_t block) const {
    return philox(key, static_cast<std::uint64_t>(*step), static_cast<std::uint64_t>(block));
  }
  __device__ T apply(std::uint32_t word, T x) const {
    return from_accumulator<T>(word < bound ? A(0) : to_accumulator(x) * scale);
  }

  /// kWidth neighbouring lanes of a group: the i-th such part, where x begins with a group.
  __device__ void lanes(std::int64_t i, const T* x, T* y) const {
    constexpr int kParts = kLanes / kWidth;
    const std::int64_t block = i * kWidth, group = i / kParts, lane = i % kParts * kWidth;
    PhiloxWords words[kWidth];
#pragma unroll
    for (int k = 0; k < kWidth; ++k) words[k] = draw(first / kGroup * kLanes + block + k);
#pragma unroll
    for (int j = 0; j < kGroup / kLanes; ++j) {
      const std::int64_t start = group * kGroup + j * kLanes + lane;
      Pack<T, kWidth> pack = load_pack<kWidth>(x + start);
#pragma unroll
      for (int k = 0; k < kWidth; ++k) pack.values[k] = apply(words[k].values[j], pack.values[k]);
      store_pack(y + start, pack);
    }
  }
  __device__ void element(std::int64_t i, const T* x, T* y) const {
    const std::int64_t index = first + i, word = index % kGroup / kLanes;
    const PhiloxWords drawn = draw(index / kGroup * kLanes + index % kLanes);
    const std::uint32_t low = word % 2 == 0 ? drawn.values[0] : drawn.values[1];
    const std::uint32_t high = word % 2 == 0 ? drawn.values[2] : drawn.values[3];
    y[i] = apply(word < 2 ? low : high, x[i]);
  }
};

// Left to itself, ptxas spills registers to fit more blocks: so many are enough.
template <class T>
__global__ void __launch_bounds__(kBlockThreads, 4)
    drop(const Dropout<T> dropout, const std::int64_t groups, const std::int64_t count, const T* x, T* y) {
  const std::int64_t step = grid_threads(), parts = groups * Dropout<T>::kLanes / Dropout<T>::kWidth;
  for (std::int64_t i = grid_thread(); i < parts; i += step) dropout.lanes(i, x, y);
  for (std::int64_t i = groups * Dropout<T>::kGroup + grid_thread(); i < count; i += step)
    dropout.element(i, x, y);
}

void run(const Stream& stream, const DropoutArgs& args) {
  visit_float(args.dtype, "dropout", [&]<class T>() {
    const T* x = static_cast<const T*>(args.x);
    T* y = static_cast<T*>(args.y);
    const Dropout<T> dropout{
        .key = args.key,
        .step = args.step,
        .bound = static_cast<std::uint32_t>(std::llround(std::max(0.0, args.probability * 0x1p32 - 0.5))),
        .scale = static_cast<AccumulatorOf<T>>(1 / (1 - args.probability)),
        .first = args.first};
    const bool whole = args.first % Dropout<T>::kGroup == 0 && aligned_for_packs(kPackSize<T>, x, y);
    const std::int64_t groups = whole ? args.count / Dropout<T>::kGroup : 0;
    launch(
        stream,
        elementwise_shape(stream, groups > 0 ? groups * Dropout<T>::kLanes / Dropout<T>::kWidth : args.count),
        drop<T>, dropout, groups, args.count, x, y);
  });
}

const KernelRegistrar<DropoutArgs> kRegistered(dropout_kernel, DeviceKind::cuda, run);

}  // namespace
}  // namespace slipway::cuda
