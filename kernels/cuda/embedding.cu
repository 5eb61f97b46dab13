#include "kernels/embedding.h"

#include <limits>

#include "kernels/cuda/block_reduce.cuh"
#include "kernels/cuda/divisor.cuh"

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

/// Positions by the row of the table that they look up: row r has order[ends[r - 1] .. ends[r]), in any
/// order.
template <class Id>
struct Lookups {
  const Id* ids;
  std::int64_t count, rows, padding;
  std::int64_t* ends;   // [rows + 1]
  std::int64_t* order;  // [count]

  __device__ bool counts(std::int64_t id) const { return id >= 0 && id < rows && id != padding; }
  /// The number before this addition: integers, so the sum is the same in every order.
  static __device__ std::int64_t add_one(std::int64_t* to) {
    return static_cast<std::int64_t>(atomicAdd(reinterpret_cast<unsigned long long*>(to), 1ull));
  }
};

template <class Id>
__global__ void __launch_bounds__(kBlockThreads) clear_counts(const Lookups<Id> lookups) {
  for (std::int64_t i = grid_thread(); i <= lookups.rows; i += grid_threads()) lookups.ends[i] = 0;
}

template <class Id>
__global__ void __launch_bounds__(kBlockThreads) count_lookups(const Lookups<Id> lookups) {
  for (std::int64_t i = grid_thread(); i < lookups.count; i += grid_threads()) {
    const std::int64_t id = lookups.ids[i];
    if (lookups.counts(id)) Lookups<Id>::add_one(&lookups.ends[id + 1]);
  }
}

constexpr int kScanThreads = 512;

/// The sum of the values of this lane and of those before it.
__device__ std::int64_t sum_of_lanes_before(std::int64_t value, int lane) {
#pragma unroll
  for (int step = 1; step < kWarpThreads; step *= 2) {
    const std::int64_t before = __shfl_up_sync(kAllLanes, value, step);
    if (lane >= step) value += before;
  }
  return value;
}

/// One block: ends[r] becomes the number of lookups of all rows before r.
template <class Id>
__global__ void __launch_bounds__(kScanThreads) sum_counts(const Lookups<Id> lookups) {
  constexpr int kWarps = kScanThreads / kWarpThreads;
  __shared__ std::int64_t of_warps[kWarps];
  const int thread = static_cast<int>(threadIdx.x), warp = thread / kWarpThreads,
            lane = thread % kWarpThreads;
  std::int64_t before = 0;
  for (std::int64_t first = 0; first <= lookups.rows; first += kScanThreads) {
    const std::int64_t i = first + thread;
    const std::int64_t sum = sum_of_lanes_before(i <= lookups.rows ? lookups.ends[i] : 0, lane);
    if (lane == kWarpThreads - 1) of_warps[warp] = sum;
    __syncthreads();
    std::int64_t total = before + sum;
    for (int w = 0; w < kWarps; ++w) {
      if (w < warp) total += of_warps[w];
      before += of_warps[w];
    }
    if (i <= lookups.rows) lookups.ends[i] = total;
    __syncthreads();
  }
}

/// Moves each row's begin to its end.
template <class Id>
__global__ void __launch_bounds__(kBlockThreads) place_lookups(const Lookups<Id> lookups) {
  for (std::int64_t i = grid_thread(); i < lookups.count; i += grid_threads()) {
    const std::int64_t id = lookups.ids[i];
    if (lookups.counts(id)) lookups.order[Lookups<Id>::add_one(&lookups.ends[id])] = i;
  }
}

constexpr int kListed = 1024;  // lookups of a row that a block sorts

/// Adds the rows of dy at `places` to this thread's columns, in their order.
template <int kWidth, class T>
__device__ void add_rows(const std::int64_t* places, int count, const T* dy, std::int64_t width,
                         std::int64_t column, AccumulatorOf<T> (&sums)[kWidth]) {
  for (int i = 0; i < count; ++i) {
    const Pack<T, kWidth> pack = load_pack<kWidth>(dy + places[i] * width + column);
#pragma unroll
    for (int k = 0; k < kWidth; ++k) sums[k] += to_accumulator(pack.values[k]);
  }
}

/// Lists which of the positions from `first` on, one a thread of the block, look up `row`; gives their
/// number.
template <class Id>
__device__ int list_lookups(const Lookups<Id>& lookups, std::int64_t row, std::int64_t first,
                            std::int64_t* list, int* found_by_warp) {
  const int warp = static_cast<int>(threadIdx.x) / kWarpThreads,
            lane = static_cast<int>(threadIdx.x) % kWarpThreads;
  const std::int64_t position = first + threadIdx.x;
  const bool found = position < lookups.count && lookups.ids[position] == row;
  const unsigned lanes = __ballot_sync(kAllLanes, found);
  if (lane == 0) found_by_warp[warp] = __popc(lanes);
  __syncthreads();
  int before = __popc(lanes & ((1u << lane) - 1)), all = 0;
  for (int w = 0; w < kBlockThreads / kWarpThreads; ++w) {
    if (w < warp) before += found_by_warp[w];
    all += found_by_warp[w];
  }
  if (found) list[before] = position;
  __syncthreads();
  return all;
}

/// A block a row of the table: finds its lookups in the order of i, and adds up their gradients.
template <int kWidth, class T, class Id>
__global__ void __launch_bounds__(kBlockThreads)
    sum_lookups(const Lookups<Id> lookups, const std::int64_t width, const T* dy, T* dtable) {
  using A = AccumulatorOf<T>;
  __shared__ std::int64_t places[kListed], sorted[kListed];
  __shared__ int found_by_warp[kBlockThreads / kWarpThreads];
  const int thread = static_cast<int>(threadIdx.x);
  for (std::int64_t row = blockIdx.x; row < lookups.rows; row += gridDim.x) {
    const std::int64_t begin = row > 0 ? lookups.ends[row - 1] : 0, count = lookups.ends[row] - begin;
    const bool listed = count <= kListed;
    if (listed && count > 0) {
      for (int i = thread; i < count; i += kBlockThreads) places[i] = lookups.order[begin + i];
      __syncthreads();
      for (int i = thread; i < count; i += kBlockThreads) {
        int rank = 0;
        for (int k = 0; k < count; ++k) rank += places[k] < places[i] ? 1 : 0;
        sorted[rank] = places[i];
      }
      __syncthreads();
    }
    // All threads take the same number of turns, as they look for long lists together.
    const std::int64_t turn = static_cast<std::int64_t>(kBlockThreads) * kWidth;
    for (std::int64_t base = 0; base < width; base += turn) {
      const std::int64_t column = base + static_cast<std::int64_t>(thread) * kWidth;
      A sums[kWidth] = {};
      if (listed) {
        if (column < width) add_rows<kWidth>(sorted, static_cast<int>(count), dy, width, column, sums);
      } else {
        for (std::int64_t first = 0; first < lookups.count; first += kBlockThreads) {
          const int found = list_lookups(lookups, row, first, sorted, found_by_warp);
          if (column < width) add_rows<kWidth>(sorted, found, dy, width, column, sums);
          __syncthreads();
        }
      }
      if (column < width) {
        Pack<T, kWidth> pack;
#pragma unroll
        for (int k = 0; k < kWidth; ++k) pack.values[k] = from_accumulator<T>(sums[k]);
        store_pack(dtable + row * width + column, pack);
      }
    }
    __syncthreads();
  }
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
    constexpr int kWidth = kPackSize<T>;
    const Lookups<Id> lookups{
        static_cast<const Id*>(args.ids), args.count, args.rows, args.padding, args.scratch,
        args.scratch + args.rows + 1};
    launch(stream, elementwise_shape(stream, args.rows + 1), clear_counts<Id>, lookups);
    launch(stream, elementwise_shape(stream, args.count), count_lookups<Id>, lookups);
    launch(stream, {.grid = dim3(1), .block = dim3(kScanThreads)}, sum_counts<Id>, lookups);
    launch(stream, elementwise_shape(stream, args.count), place_lookups<Id>, lookups);
    const T* dy = static_cast<const T*>(args.dy);
    T* dtable = static_cast<T*>(args.dtable);
    const bool packs = args.width % kWidth == 0 && aligned_for_packs(kWidth, dy, dtable);
    launch(stream, block_shape(args.rows, dim3(kBlockThreads)),
           packs ? sum_lookups<kWidth, T, Id> : sum_lookups<1, T, Id>, lookups, args.width, dy, dtable);
  });
}

const KernelRegistrar<EmbeddingArgs> kForward(embedding_forward, DeviceKind::cuda, forward);
const KernelRegistrar<EmbeddingGradientArgs> kBackward(embedding_backward, DeviceKind::cuda, backward);

}  // namespace
}  // namespace slipway::cuda
