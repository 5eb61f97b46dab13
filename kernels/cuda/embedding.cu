#include "kernels/embedding.h"

#include <bit>
#include <limits>

#include "kernels/cuda/divisor.cuh"
#include "kernels/cuda/key_sort.cuh"
#include "kernels/cuda/rows.cuh"

namespace slipway::cuda {
namespace {

/// y[i] = table[ids[i]], kWidth columns at a time.
template <int kWidth, class T, class Id>
__global__ void __launch_bounds__(kBlockThreads)
    gather_rows(const std::int64_t packs, const Divisor by_packs, const std::int64_t rows, const T* table,
                const Id* ids, T* y) {
  const T nothing = from_accumulator<T>(std::numeric_limits<AccumulatorOf<T>>::quiet_NaN());
  for (std::int64_t i = grid_thread(); i < packs; i += grid_threads()) {
    const std::int64_t position = by_packs.quotient(i), pack = by_packs.remainder(i, position);
    const std::int64_t id = ids[position];
    Pack<T, kWidth> row;
    if (id >= 0 && id < rows) {
      row = load_pack<kWidth>(table + (id * by_packs.divisor() + pack) * kWidth);
    } else {
#pragma unroll
      for (int k = 0; k < kWidth; ++k) row.values[k] = nothing;
    }
    store_pack(y + i * kWidth, row);
  }
}

/// A lookup as one number: the row of the table, then the position, so that sorted ones stand in the order in
/// which they are added up. What counts nowhere comes after all rows.
struct LookupKey {
  int position_bits;

  __device__ std::uint64_t first_of(std::int64_t row) const {
    return static_cast<std::uint64_t>(row) << position_bits;
  }
  __device__ std::int64_t position(std::uint64_t key) const {
    return static_cast<std::int64_t>(key & (first_of(1) - 1));
  }
};

template <class Id>
struct KeyOfLookup {
  LookupKey key;
  const Id* ids;
  std::int64_t rows, padding;

  __device__ std::uint64_t operator()(std::int64_t position) const {
    const std::int64_t id = ids[position];
    const bool counts = id >= 0 && id < rows && id != padding;
    return key.first_of(counts ? id : rows) | static_cast<std::uint64_t>(position);
  }
};

/// Row r of the table has the sorted keys [ends[r - 1], ends[r]).
struct Lookups {
  LookupKey key;
  const std::uint64_t* keys;
  std::int64_t* ends;  // [rows]
};

/// A thread a row.
__global__ void __launch_bounds__(kBlockThreads)
    find_ends(const Lookups lookups, const std::int64_t count, const std::int64_t rows) {
  for (std::int64_t row = grid_thread(); row < rows; row += grid_threads()) {
    const std::uint64_t next = lookups.key.first_of(row + 1);
    std::int64_t low = 0, high = count;
    while (low < high) {
      const std::int64_t middle = (low + high) / 2;
      if (lookups.keys[middle] < next)
        low = middle + 1;
      else
        high = middle;
    }
    lookups.ends[row] = low;
  }
}

/// A team a row of the table adds up the gradients of its lookups, in their order.
template <int kWidth, class T>
__global__ void __launch_bounds__(kMostTeamThreads)
    sum_lookups(const Lookups lookups, const RowLoop rows, const T* dy, T* dtable) {
  constexpr int kAhead = 4;  // gradients that are on their way at once
  rows.for_each([&](std::int64_t row, std::int64_t width) {
    if (width == 0) return;
    const std::int64_t begin = row > 0 ? lookups.ends[row - 1] : 0, end = lookups.ends[row];
    for_each_pack<kWidth, 0>(width, [&](int, std::int64_t column) {
      AccumulatorOf<T> sums[kWidth] = {};
      for (std::int64_t i = begin; i < end; i += kAhead) {
        Pack<T, kWidth> packs[kAhead];
#pragma unroll
        for (int k = 0; k < kAhead; ++k) {
          if (i + k < end)
            packs[k] = load_pack<kWidth>(dy + lookups.key.position(lookups.keys[i + k]) * width + column);
        }
#pragma unroll
        for (int k = 0; k < kAhead; ++k) {
          if (i + k < end) {
#pragma unroll
            for (int c = 0; c < kWidth; ++c) sums[c] += to_accumulator(packs[k].values[c]);
          }
        }
      }
      Pack<T, kWidth> pack;
#pragma unroll
      for (int c = 0; c < kWidth; ++c) pack.values[c] = from_accumulator<T>(sums[c]);
      store_pack(dtable + row * width + column, pack);
    });
  });
}

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

void forward(const Stream& stream, const EmbeddingArgs& args) {
  if (args.count == 0 || args.width == 0) return;
  visit_types(args.dtype, args.ids_dtype, "embedding_forward", [&]<class T, class Id>() {
    constexpr int kWidth = kPackSize<T>;
    const T* table = static_cast<const T*>(args.table);
    T* y = static_cast<T*>(args.y);
    const bool packs = args.width % kWidth == 0 && aligned_for_packs(kWidth, table, y);
    const std::int64_t row_packs = args.width / (packs ? kWidth : 1);
    launch(stream, elementwise_shape(stream, args.count * row_packs),
           packs ? gather_rows<kWidth, T, Id> : gather_rows<1, T, Id>, args.count * row_packs,
           Divisor(row_packs), args.rows, table, static_cast<const Id*>(args.ids), y);
  });
}

void backward(const Stream& stream, const EmbeddingGradientArgs& args) {
  visit_types(args.dtype, args.ids_dtype, "embedding_backward", [&]<class T, class Id>() {
    const LookupKey key{static_cast<int>(std::bit_width(static_cast<std::uint64_t>(args.count)))};
    require(args.rows >> (63 - key.position_bits) == 0, "embedding_backward: ", args.count, " lookups in ",
            args.rows, " rows are too many");
    auto* const keys = reinterpret_cast<std::uint64_t*>(args.scratch + args.rows);
    const KeyOfLookup<Id> key_of{key, static_cast<const Id*>(args.ids), args.rows, args.padding};
    const Lookups lookups{key, sort_keys(stream, args.count, key_of, std::pair(keys, keys + args.count)),
                          args.scratch};
    launch(stream, elementwise_shape(stream, args.rows), find_ends, lookups, args.count, args.rows);
    constexpr int kWidth = kPackSize<T>;
    const T* dy = static_cast<const T*>(args.dy);
    T* dtable = static_cast<T*>(args.dtable);
    const bool packs = args.width % kWidth == 0 && aligned_for_packs(kWidth, dy, dtable);
    const RowLoop rows{args.rows, args.width};
    launch(stream, RowTeams(rows, packs ? kWidth : 1, 1).shape(),
           packs ? sum_lookups<kWidth, T> : sum_lookups<1, T>, lookups, rows, dy, dtable);
  });
}

const KernelRegistrar<EmbeddingArgs> kForward(embedding_forward, DeviceKind::cuda, forward);
const KernelRegistrar<EmbeddingGradientArgs> kBackward(embedding_backward, DeviceKind::cuda, backward);

}  // namespace
}  // namespace slipway::cuda
