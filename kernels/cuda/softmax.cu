#include "kernels/softmax.h"

#include "kernels/cuda/divisor.cuh"
#include "kernels/cuda/online_softmax.cuh"
#include "kernels/cuda/rows.cuh"

namespace slipway::cuda {
namespace {

// softmax: y = e^(x - top) / sum;  dx = y (dy - Σ dy y)
template <class A>
struct Softmax {
  static __device__ A output(A x, const OnlineSoftmax<A>& state) {
    return exponential(x - state.top) / state.sum;
  }
  static __device__ A term(A dy, A y) { return dy * y; }
  static __device__ A gradient(A dy, A y, A sum) { return y * (dy - sum); }
};
// log_softmax: y = (x - top) - log(sum);  dx = dy - e^y Σ dy
template <class A>
struct LogSoftmax {
  static __device__ A output(A x, const OnlineSoftmax<A>& state) {
    return (x - state.top) - logarithm(state.sum);
  }
  static __device__ A term(A dy, A y) { return dy; }
  static __device__ A gradient(A dy, A y, A sum) { return dy - exponential(y) * sum; }
};

template <class Kind, class T, int kWidth, int kPacks>
__global__ void __launch_bounds__(kMostTeamThreads) forward_rows(const RowLoop loop, const T* x, T* y) {
  using A = AccumulatorOf<T>;
  __shared__ OnlineSoftmax<A> shared[kMostWarps];
  loop.for_each([&](std::int64_t index, std::int64_t width) {
    const Row<T, kWidth, kPacks> row(x + index * loop.width, width);
    OnlineSoftmax<A> state = OnlineSoftmax<A>::empty();
    for_each_pack<kWidth, kPacks>(width, [&](int p, std::int64_t column) { state.add(row.pack(p, column)); });
    state = team_reduce(state, MergeSoftmax(), shared);
    for_each_pack<kWidth, kPacks>(width, [&](int p, std::int64_t column) {
      Pack<T, kWidth> pack = row.pack(p, column);
#pragma unroll
      for (int k = 0; k < kWidth; ++k) {
        pack.values[k] = from_accumulator<T>(Kind::output(to_accumulator(pack.values[k]), state));
      }
      store_pack(y + index * loop.width + column, pack);
    });
  });
}

template <class Kind, class T, int kWidth, int kPacks>
__global__ void __launch_bounds__(kMostTeamThreads)
    backward_rows(const RowLoop loop, const T* dy, const T* y, T* dx) {
  using A = AccumulatorOf<T>;
  __shared__ A shared[kMostWarps];
  loop.for_each([&](std::int64_t index, std::int64_t width) {
    const Row<T, kWidth, kPacks> dy_row(dy + index * loop.width, width), y_row(y + index * loop.width, width);
    A sum = 0;
    for_each_pack<kWidth, kPacks>(width, [&](int p, std::int64_t column) {
      const Pack<T, kWidth> g = dy_row.pack(p, column), v = y_row.pack(p, column);
#pragma unroll
      for (int k = 0; k < kWidth; ++k)
        sum += Kind::term(to_accumulator(g.values[k]), to_accumulator(v.values[k]));
    });
    sum = team_reduce(sum, Add(), shared);
    for_each_pack<kWidth, kPacks>(width, [&](int p, std::int64_t column) {
      Pack<T, kWidth> g = dy_row.pack(p, column);
      const Pack<T, kWidth> v = y_row.pack(p, column);
#pragma unroll
      for (int k = 0; k < kWidth; ++k) {
        g.values[k] = from_accumulator<T>(
            Kind::gradient(to_accumulator(g.values[k]), to_accumulator(v.values[k]), sum));
      }
      store_pack(dx + index * loop.width + column, g);
    });
  });
}

/// Lines of `size` elements that lie `stride` apart, neighbours in neighbouring threads.
struct Lines {
  std::int64_t count, size, stride;
  Divisor by_stride;
  __device__ std::int64_t start(std::int64_t line) const {
    const std::int64_t outer = by_stride.quotient(line);
    return outer * size * stride + by_stride.remainder(line, outer);
  }
};

template <class Kind, class T>
__global__ void __launch_bounds__(kBlockThreads) forward_lines(const Lines lines, const T* x, T* y) {
  using A = AccumulatorOf<T>;
  for (std::int64_t line = grid_thread(); line < lines.count; line += grid_threads()) {
    const std::int64_t start = lines.start(line);
    OnlineSoftmax<A> state = OnlineSoftmax<A>::empty();
    for (std::int64_t i = 0; i < lines.size; ++i) state.add(to_accumulator(x[start + i * lines.stride]));
    for (std::int64_t i = 0; i < lines.size; ++i) {
      const std::int64_t at = start + i * lines.stride;
      y[at] = from_accumulator<T>(Kind::output(to_accumulator(x[at]), state));
    }
  }
}

template <class Kind, class T>
__global__ void __launch_bounds__(kBlockThreads)
    backward_lines(const Lines lines, const T* dy, const T* y, T* dx) {
  using A = AccumulatorOf<T>;
  for (std::int64_t line = grid_thread(); line < lines.count; line += grid_threads()) {
    const std::int64_t start = lines.start(line);
    A sum = 0;
    for (std::int64_t i = 0; i < lines.size; ++i) {
      const std::int64_t at = start + i * lines.stride;
      sum += Kind::term(to_accumulator(dy[at]), to_accumulator(y[at]));
    }
    for (std::int64_t i = 0; i < lines.size; ++i) {
      const std::int64_t at = start + i * lines.stride;
      dx[at] = from_accumulator<T>(Kind::gradient(to_accumulator(dy[at]), to_accumulator(y[at]), sum));
    }
  }
}

/// Calls body.template operator()<T, Kind>() unless there is nothing to do.
template <class Args, class Body>
void visit_softmax(const Args& args, const char* kernel, Body&& body) {
  if (args.axis == 0 || args.inner == 0) return;
  visit_float(args.dtype, kernel, [&]<class T>() {
    if (args.kind == SoftmaxKind::softmax)
      body.template operator()<T, Softmax<AccumulatorOf<T>>>();
    else
      body.template operator()<T, LogSoftmax<AccumulatorOf<T>>>();
  });
}

template <class Args>
Lines lines_of(const Args& args) {
  return {args.outer * args.inner, args.axis, args.inner, Divisor(args.inner)};
}

void forward(const Stream& stream, const SoftmaxArgs& args) {
  visit_softmax(args, "softmax_forward", [&]<class T, class Kind>() {
    const T* x = static_cast<const T*>(args.x);
    T* y = static_cast<T*>(args.y);
    if (args.inner > 1) {
      const Lines lines = lines_of(args);
      return launch(stream, elementwise_shape(stream, lines.count), forward_lines<Kind, T>, lines, x, y);
    }
    const RowLoop loop{args.outer, args.axis};
    visit_rows<T>(loop, aligned_for_packs(kPackSize<T>, x, y),
                  [&]<int kWidth, int kPacks>(const RowTeams& teams) {
                    launch(stream, teams.shape(), forward_rows<Kind, T, kWidth, kPacks>, loop, x, y);
                  });
  });
}

void backward(const Stream& stream, const SoftmaxGradientArgs& args) {
  visit_softmax(args, "softmax_backward", [&]<class T, class Kind>() {
    const T *dy = static_cast<const T*>(args.dy), *y = static_cast<const T*>(args.y);
    T* dx = static_cast<T*>(args.dx);
    if (args.inner > 1) {
      const Lines lines = lines_of(args);
      return launch(stream, elementwise_shape(stream, lines.count), backward_lines<Kind, T>, lines, dy, y,
                    dx);
    }
    const RowLoop loop{args.outer, args.axis};
    visit_rows<T>(loop, aligned_for_packs(kPackSize<T>, dy, y, dx),
                  [&]<int kWidth, int kPacks>(const RowTeams& teams) {
                    launch(stream, teams.shape(), backward_rows<Kind, T, kWidth, kPacks>, loop, dy, y, dx);
                  });
  });
}

const KernelRegistrar<SoftmaxArgs> kForward(softmax_forward, DeviceKind::cuda, forward);
const KernelRegistrar<SoftmaxGradientArgs> kBackward(softmax_backward, DeviceKind::cuda, backward);

}  // namespace
}  // namespace slipway::cuda
