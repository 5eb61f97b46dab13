#include "kernels/cuda/divisor.cuh"
#include "kernels/cuda/ranked.cuh"
#include "kernels/cuda/rows.cuh"
#include "kernels/reduce.h"

namespace slipway::cuda {
namespace {

template <class T, int kWidth>
__global__ void __launch_bounds__(kMostTeamThreads)
    arg_max_rows(const RowLoop loop, const T* x, std::int64_t* y) {
  using A = AccumulatorOf<T>;
  __shared__ Ranked<A> shared[kMostWarps];
  loop.for_each([&](std::int64_t row, std::int64_t width) {
    Ranked<A> best = Ranked<A>::none();
    for_each_pack<kWidth, 0>(width, [&](int, std::int64_t column) {
      const Pack<T, kWidth> pack = load_pack<kWidth>(x + row * loop.width + column);
#pragma unroll
      for (int k = 0; k < kWidth; ++k)
        best = First()(best, Ranked<A>{to_accumulator(pack.values[k]), column + k});
    });
    best = team_reduce(best, First(), shared);
    if (row < loop.rows && threadIdx.x == 0) y[row] = loop.width > 0 ? best.place : 0;
  });
}

template <class T>
__global__ void __launch_bounds__(kBlockThreads)
    arg_max_lines(const std::int64_t lines, const std::int64_t count, const std::int64_t inner,
                  const Divisor by_inner, const T* x, std::int64_t* y) {
  using A = AccumulatorOf<T>;
  for (std::int64_t line = grid_thread(); line < lines; line += grid_threads()) {
    const std::int64_t outer = by_inner.quotient(line);
    const T* from = x + outer * count * inner + by_inner.remainder(line, outer);
    Ranked<A> best = Ranked<A>::none();
    for (std::int64_t i = 0; i < count; ++i)
      best = First()(best, Ranked<A>{to_accumulator(from[i * inner]), i});
    y[line] = count > 0 ? best.place : 0;
  }
}

void run(const Stream& stream, const ArgMaxArgs& args) {
  visit_float(args.dtype, "arg_max", [&]<class T>() {
    const T* x = static_cast<const T*>(args.x);
    if (args.inner == 1) {
      constexpr int kWidth = kPackSize<T>;
      const RowLoop loop{args.outer, args.count};
      const bool packs = aligned_for_packs(kWidth, x) && args.count % kWidth == 0;
      const RowTeams teams(loop, packs ? kWidth : 1, 1);
      return launch(stream, teams.shape(), packs ? arg_max_rows<T, kWidth> : arg_max_rows<T, 1>, loop, x,
                    args.y);
    }
    const std::int64_t lines = args.outer * args.inner;
    if (lines == 0) return;
    launch(stream, elementwise_shape(stream, lines), arg_max_lines<T>, lines, args.count, args.inner,
           Divisor(args.inner), x, args.y);
  });
}

const KernelRegistrar<ArgMaxArgs> kArgMax(arg_max, DeviceKind::cuda, run);

}  // namespace
}  // namespace slipway::cuda
