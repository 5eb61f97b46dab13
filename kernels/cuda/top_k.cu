#include "kernels/cuda/divisor.cuh"
#include "kernels/cuda/ranked.cuh"
#include "kernels/cuda/rows.cuh"
#include "kernels/gather.h"

namespace slipway::cuda {
namespace {

// The best element is found as many times as elements are asked for: each time the best of those that come
// after the last one. Nothing is written in between, and the line stays in the cache.

/// What comes before every element.
template <class A>
__device__ Ranked<A> before_all() {
  return {std::numeric_limits<A>::quiet_NaN(), -1};
}

template <class T, int kWidth>
__global__ void __launch_bounds__(kMostTeamThreads)
    pick_from_rows(const RowLoop loop, const std::int64_t picked, const T* x, T* values,
                   std::int64_t* indices) {
  using A = AccumulatorOf<T>;
  __shared__ Ranked<A> shared[kMostWarps];
  const std::int64_t threads = blockDim.x, thread = threadIdx.x;
  loop.for_each([&](std::int64_t row, std::int64_t width) {
    Ranked<A> last = before_all<A>(), own = last;
    for (std::int64_t k = 0; k < picked; ++k) {
      Ranked<A> best = Ranked<A>::none();
      for_each_pack<kWidth, 0>(width, [&](int, std::int64_t column) {
        const Pack<T, kWidth> pack = load_pack<kWidth>(x + row * loop.width + column);
#pragma unroll
        for (int i = 0; i < kWidth; ++i) {
          const Ranked<A> element{to_accumulator(pack.values[i]), column + i};
          if (last.before(element)) best = First()(best, element);
        }
      });
      last = team_reduce(best, First(), shared);
      // Each thread keeps one, so that they are written side by side.
      const std::int64_t turn = k % threads;
      if (thread == turn) own = last;
      const bool is_full = turn == threads - 1 || k == picked - 1;
      if (is_full && row < loop.rows && thread <= turn) {
        const std::int64_t place = row * picked + k - turn + thread;
        values[place] = from_accumulator<T>(own.value);
        indices[place] = own.place;
      }
    }
  });
}

/// Lines side by side: a thread each. Left to itself, ptxas spills registers to fit more blocks than four.
template <class T>
__global__ void __launch_bounds__(kBlockThreads, 4)
    pick_from_lines(const std::int64_t lines, const std::int64_t count, const std::int64_t picked,
                    const Divisor by_inner, const T* x, T* values, std::int64_t* indices) {
  using A = AccumulatorOf<T>;
  const std::int64_t inner = by_inner.divisor();
  for (std::int64_t line = grid_thread(); line < lines; line += grid_threads()) {
    const std::int64_t outer = by_inner.quotient(line), i = by_inner.remainder(line, outer);
    const T* from = x + outer * count * inner + i;
    Ranked<A> last = before_all<A>();
    for (std::int64_t k = 0; k < picked; ++k) {
      Ranked<A> best = Ranked<A>::none();
      for (std::int64_t c = 0; c < count; ++c) {
        const Ranked<A> element{to_accumulator(from[c * inner]), c};
        if (last.before(element)) best = First()(best, element);
      }
      last = best;
      values[(outer * picked + k) * inner + i] = from_accumulator<T>(last.value);
      indices[(outer * picked + k) * inner + i] = last.place;
    }
  }
}

void run(const Stream& stream, const TopKArgs& args) {
  visit_float(args.dtype, "top_k", [&]<class T>() {
    const T* x = static_cast<const T*>(args.x);
    T* values = static_cast<T*>(args.values);
    const std::int64_t lines = args.outer * args.inner;
    if (lines == 0 || args.picked == 0) return;
    if (args.inner == 1) {
      constexpr int kWidth = kPackSize<T>;
      const RowLoop loop{args.outer, args.count};
      const bool packs = aligned_for_packs(kWidth, x) && args.count % kWidth == 0;
      const RowTeams teams(loop, packs ? kWidth : 1, 1);
      return launch(stream, teams.shape(), packs ? pick_from_rows<T, kWidth> : pick_from_rows<T, 1>, loop,
                    args.picked, x, values, args.indices);
    }
    launch(stream, elementwise_shape(stream, lines), pick_from_lines<T>, lines, args.count, args.picked,
           Divisor(args.inner), x, values, args.indices);
  });
}

const KernelRegistrar<TopKArgs> kTopK(top_k_kernel, DeviceKind::cuda, run);

}  // namespace
}  // namespace slipway::cuda
