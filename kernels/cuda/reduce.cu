#include "kernels/reduce.h"

#include <limits>

#include "kernels/cuda/divisor.cuh"
#include "kernels/cuda/math.cuh"
#include "kernels/cuda/rows.cuh"

namespace slipway::cuda {
namespace {

// What a reduction does: State is what it knows of some elements, operator() joins two of them.
struct Sum : Add {
  template <class A>
  using State = A;
  template <class A>
  static __device__ A initial() {
    return A(0);
  }
  template <class A>
  static __device__ A add(A state, A x) {
    return state + x;
  }
  template <class A>
  static __device__ A result(A state) {
    return state;
  }
};
struct Maximum : Largest {
  template <class A>
  using State = A;
  template <class A>
  static __device__ A initial() {
    return -std::numeric_limits<A>::infinity();
  }
  template <class A>
  static __device__ A add(A state, A x) {
    return Largest()(state, x);
  }
  template <class A>
  static __device__ A result(A state) {
    return state;
  }
};

/// The greatest finite value so far and Σ e^(x - greatest). Unlike softmax's, it stays below infinity, so
/// that an infinite sum is that and no NaN.
template <class A>
struct Exponentials {
  A top, sum;

  template <class Exchange>
  __device__ Exponentials exchanged(Exchange exchange) const {
    return {exchange(top), exchange(sum)};
  }
};
struct LogSumExp {
  template <class A>
  using State = Exponentials<A>;
  template <class A>
  static __device__ Exponentials<A> initial() {
    return {-std::numeric_limits<A>::max(), A(0)};
  }
  template <class A>
  static __device__ Exponentials<A> add(const Exponentials<A>& state, A x) {
    if (!(x > state.top) || state.top == std::numeric_limits<A>::max())
      return {state.top, state.sum + exponential(x - state.top)};
    const A top = x < std::numeric_limits<A>::max() ? x : std::numeric_limits<A>::max();
    return {top, state.sum * exponential(state.top - top) + exponential(x - top)};
  }
  template <class A>
  __device__ Exponentials<A> operator()(const Exponentials<A>& a, const Exponentials<A>& b) const {
    const A top = a.top > b.top ? a.top : b.top;
    return {top, a.sum * exponential(a.top - top) + b.sum * exponential(b.top - top)};
  }
  template <class A>
  static __device__ A result(const Exponentials<A>& state) {
    return state.top + logarithm(state.sum);
  }
};

/// y[row, column] = the elements of its chunk, `inner` apart.
struct Chunks {
  explicit Chunks(const ReduceArgs& args)
      : count(args.count),
        inner(args.inner),
        chunk(std::max<std::int64_t>(1, args.chunk)),
        chunks(std::max<std::int64_t>(1, (count + chunk - 1) / chunk)),
        rows(args.outer * chunks),
        by_chunks(chunks) {}

  /// Where a chunk begins in x.
  __device__ std::int64_t start(std::int64_t row) const {
    const std::int64_t outer = by_chunks.quotient(row);
    return (outer * count + by_chunks.remainder(row, outer) * chunk) * inner;
  }
  /// How many elements of each column it has.
  __device__ std::int64_t size(std::int64_t row) const {
    const std::int64_t left = count - by_chunks.remainder(row) * chunk;
    return left < chunk ? left : chunk;
  }

  std::int64_t count, inner, chunk, chunks, rows;
  Divisor by_chunks;
};

/// inner == 1: a team a chunk.
template <int kWidth, class F, class X, class Y>
__global__ void __launch_bounds__(kMostTeamThreads)
    reduce_rows(const Chunks chunks, const RowLoop loop, const AccumulatorOf<X> divisor, const X* x, Y* y) {
  using A = AccumulatorOf<X>;
  using State = typename F::template State<A>;
  __shared__ State shared[kMostWarps];
  loop.for_each([&](std::int64_t row, std::int64_t width) {
    const X* from = row < loop.rows ? x + chunks.start(row) : x;
    State value = F::template initial<A>();
    for_each_pack<kWidth, 0>(row < loop.rows ? chunks.size(row) : 0, [&](int, std::int64_t i) {
      const Pack<X, kWidth> pack = load_pack<kWidth>(from + i);
#pragma unroll
      for (int k = 0; k < kWidth; ++k) value = F::add(value, to_accumulator(pack.values[k]));
    });
    value = team_reduce(value, F(), shared);
    if (row < loop.rows && threadIdx.x == 0) y[row] = from_accumulator<Y>(F::result(value) / divisor);
  });
}

/// Few elements a chunk: a thread a result.
template <class F, class X, class Y>
__global__ void __launch_bounds__(kBlockThreads)
    reduce_lines(const Chunks chunks, const Divisor by_inner, const AccumulatorOf<X> divisor, const X* x,
                 Y* y) {
  using A = AccumulatorOf<X>;
  using State = typename F::template State<A>;
  const std::int64_t results = chunks.rows * chunks.inner;
  for (std::int64_t i = grid_thread(); i < results; i += grid_threads()) {
    const std::int64_t row = by_inner.quotient(i), size = chunks.size(row);
    const X* from = x + chunks.start(row) + by_inner.remainder(i, row);
    State value = F::template initial<A>();
    for (std::int64_t k = 0; k < size; ++k) value = F::add(value, to_accumulator(from[k * chunks.inner]));
    y[i] = from_accumulator<Y>(F::result(value) / divisor);
  }
}

constexpr int kColumns = 32, kSlices = 8;

/// Wide rows: a block of 32 columns and 8 slices of rows for 32 results.
template <class F, class X, class Y>
__global__ void __launch_bounds__(kColumns* kSlices)
    reduce_columns(const Chunks chunks, const Divisor by_blocks, const std::int64_t items,
                   const AccumulatorOf<X> divisor, const X* x, Y* y) {
  using A = AccumulatorOf<X>;
  using State = typename F::template State<A>;
  __shared__ State shared[kSlices][kColumns];
  for (std::int64_t item = blockIdx.x; item < items; item += gridDim.x) {
    const std::int64_t row = by_blocks.quotient(item);
    const std::int64_t column = by_blocks.remainder(item, row) * kColumns + threadIdx.x;
    State value = F::template initial<A>();
    if (column < chunks.inner) {
      const X* from = x + chunks.start(row) + column;
      const std::int64_t size = chunks.size(row);
      for (std::int64_t k = threadIdx.y; k < size; k += kSlices) {
        value = F::add(value, to_accumulator(from[k * chunks.inner]));
      }
    }
    shared[threadIdx.y][threadIdx.x] = value;
    __syncthreads();
    if (threadIdx.y == 0 && column < chunks.inner) {
      for (int slice = 1; slice < kSlices; ++slice) value = F()(value, shared[slice][threadIdx.x]);
      y[row * chunks.inner + column] = from_accumulator<Y>(F::result(value) / divisor);
    }
    __syncthreads();
  }
}

/// Narrow rows: a block reads its chunk along memory. Its threads are a multiple of the columns, so that each
/// stays in one.
template <class F, class X, class Y>
__global__ void __launch_bounds__(kBlockThreads)
    reduce_narrow(const Chunks chunks, const AccumulatorOf<X> divisor, const X* x, Y* y) {
  using A = AccumulatorOf<X>;
  using State = typename F::template State<A>;
  __shared__ State shared[kBlockThreads];
  const int inner = static_cast<int>(chunks.inner), thread = static_cast<int>(threadIdx.x);
  const int threads = kBlockThreads / inner * inner;
  for (std::int64_t row = blockIdx.x; row < chunks.rows; row += gridDim.x) {
    const X* from = x + chunks.start(row);
    const std::int64_t elements = chunks.size(row) * inner;
    State value = F::template initial<A>();
    if (thread < threads) {
      for (std::int64_t i = thread; i < elements; i += threads)
        value = F::add(value, to_accumulator(from[i]));
    }
    shared[thread] = value;
    __syncthreads();
    if (thread < inner) {
      for (int k = thread + inner; k < threads; k += inner) value = F()(value, shared[k]);
      y[row * inner + thread] = from_accumulator<Y>(F::result(value) / divisor);
    }
    __syncthreads();
  }
}

template <class F, class X, class Y>
void reduce_typed(const Stream& stream, const ReduceArgs& args) {
  using A = AccumulatorOf<X>;
  constexpr std::int64_t kFew = 32;     // elements that one thread adds up
  constexpr std::int64_t kNarrow = 64;  // columns
  const Chunks chunks(args);
  const X* x = static_cast<const X*>(args.x);
  Y* y = static_cast<Y*>(args.y);
  const A divisor = static_cast<A>(args.divisor);
  const std::int64_t size = std::min(chunks.chunk, chunks.count);
  if (args.outer == 0 || args.inner == 0) return;
  if (args.inner == 1 && size > 1) {
    constexpr int kWidth = kPackSize<X>;
    const RowLoop loop{chunks.rows, size};
    const bool packs =
        aligned_for_packs(kWidth, x) && chunks.count % kWidth == 0 && chunks.chunk % kWidth == 0;
    const RowTeams teams(loop, packs ? kWidth : 1, 1);
    launch(stream, teams.shape(), packs ? reduce_rows<kWidth, F, X, Y> : reduce_rows<1, F, X, Y>, chunks,
           loop, divisor, x, y);
  } else if (size <= kFew) {
    launch(stream, elementwise_shape(stream, chunks.rows * args.inner), reduce_lines<F, X, Y>, chunks,
           Divisor(args.inner), divisor, x, y);
  } else if (args.inner <= kNarrow) {
    launch(stream, block_shape(chunks.rows, dim3(kBlockThreads)), reduce_narrow<F, X, Y>, chunks, divisor, x,
           y);
  } else {
    const std::int64_t blocks = (args.inner + kColumns - 1) / kColumns;
    launch(stream, block_shape(chunks.rows * blocks, dim3(kColumns, kSlices)), reduce_columns<F, X, Y>,
           chunks, Divisor(blocks), chunks.rows * blocks, divisor, x, y);
  }
}

/// Calls body.template operator()<X, Y>().
template <class Body>
void visit_types(const ReduceArgs& args, Body&& body) {
  const bool narrows = args.x_dtype == accumulator_of(args.y_dtype);
  require(args.x_dtype == args.y_dtype || narrows || args.y_dtype == accumulator_of(args.x_dtype),
          "reduce: expects a dtype and its accumulator, got ", args.x_dtype, " and ", args.y_dtype);
  visit_float(narrows ? args.y_dtype : args.x_dtype, "reduce", [&]<class T>() {
    if (args.x_dtype == args.y_dtype)
      body.template operator()<T, T>();
    else if (narrows)
      body.template operator()<AccumulatorOf<T>, T>();
    else
      body.template operator()<T, AccumulatorOf<T>>();
  });
}

void run(const Stream& stream, const ReduceArgs& args) {
  visit_types(args, [&]<class X, class Y>() {
    if (args.function == ReduceKernel::sum)
      reduce_typed<Sum, X, Y>(stream, args);
    else if (args.function == ReduceKernel::maximum)
      reduce_typed<Maximum, X, Y>(stream, args);
    else
      reduce_typed<LogSumExp, X, Y>(stream, args);
  });
}

const KernelRegistrar<ReduceArgs> kReduce(reduce, DeviceKind::cuda, run);

}  // namespace
}  // namespace slipway::cuda
