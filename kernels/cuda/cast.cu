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

/// Parts as a kernel's parameter: one launch casts so many. A tile of a part is what a block casts at once.
template <class To, class From>
struct PartBatch {
  static constexpr int kMost = 96;
  static constexpr int kWidth = static_cast<int>(16 / std::max(sizeof(To), sizeof(From)));
  static constexpr std::int64_t kTile = std::int64_t{4} * kBlockThreads * kWidth;
  struct Part {
    const From* x;
    To* y;
    std::int64_t count, end_tile;  // the first tile of the next part
  };

  int count = 0;
  Part parts[kMost] = {};

  __device__ int find(std::int64_t tile) const {
    int low = 0, high = count - 1;
    while (low < high) {
      const int middle = (low + high) / 2;
      if (tile < parts[middle].end_tile)
        high = middle;
      else
        low = middle + 1;
    }
    return low;
  }
};

template <int kWidth, class To, class From>
__global__ void __launch_bounds__(kBlockThreads) cast_parts(const PartBatch<To, From> batch) {
  using Batch = PartBatch<To, From>;
  for (std::int64_t tile = blockIdx.x; tile < batch.parts[batch.count - 1].end_tile; tile += gridDim.x) {
    const int index = batch.find(tile);
    const auto& part = batch.parts[index];
    const std::int64_t first = index > 0 ? batch.parts[index - 1].end_tile : 0;
    const std::int64_t begin = (tile - first) * Batch::kTile;
    const std::int64_t end = part.count < begin + Batch::kTile ? part.count : begin + Batch::kTile;
    std::int64_t i = begin + threadIdx.x * kWidth;
    for (; i + kWidth <= end; i += kBlockThreads * kWidth) {
      store_pack(part.y + i, map_pack<To, kWidth>(Convert<To>(), load_pack<kWidth>(part.x + i)));
    }
    for (; i < end; ++i) part.y[i] = from_accumulator<To>(Convert<To>()(to_accumulator(part.x[i])));
  }
}

template <class To, class From>
void cast_all_typed(const Stream& stream, const CastAllArgs& args) {
  using Batch = PartBatch<To, From>;
  for (std::size_t from = 0; from < args.parts.size(); from += Batch::kMost) {
    Batch batch;
    std::int64_t tiles = 0;
    bool aligned = true;
    for (const CastAllArgs::Part& part :
         args.parts.subspan(from, std::min<std::size_t>(Batch::kMost, args.parts.size() - from))) {
      const From* x = static_cast<const From*>(part.x);
      To* y = static_cast<To*>(part.y);
      tiles += (part.count + Batch::kTile - 1) / Batch::kTile;
      aligned = aligned && aligned_for_packs(Batch::kWidth, x) && aligned_for_packs(Batch::kWidth, y);
      batch.parts[batch.count++] = {x, y, part.count, tiles};
    }
    launch(stream, block_shape(tiles, dim3(kBlockThreads)),
           aligned ? cast_parts<Batch::kWidth, To, From> : cast_parts<1, To, From>, batch);
  }
}

void run_all(const Stream& stream, const CastAllArgs& args) {
  visit_float(args.from, "cast_all", [&]<class From>() {
    visit_float(args.to, "cast_all", [&]<class To>() { cast_all_typed<To, From>(stream, args); });
  });
}

const KernelRegistrar<CastAllArgs> kCastAll(cast_all, DeviceKind::cuda, run_all);
const KernelRegistrar<CastArgs> kCast(cast, DeviceKind::cuda, run);

}  // namespace
}  // namespace slipway::cuda
