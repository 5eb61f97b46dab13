#include "kernels/softmax.h"

#include "kernels/cuda/divisor.cuh"
#include "kernels/cuda/held_row.cuh"
#include "kernels/cuda/online_softmax.cuh"

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
__global__ void __launch_bounds__(kMostHoldingThreads<T, kPacks>, kHoldingBlocks<T, kPacks>)
    forward_rows(const RowLoop loop, const int shared_packs, const T* x, T* y) {
  using A = AccumulatorOf<T>;
  __shared__ OnlineSoftmax<A> shared[kMostWarps];
  loop.for_each([&](std::int64_t index, std::int64_t width) {
    const HeldRow<T, kWidth, kPacks> row(x + index * loop.width, width, {shared_packs});
    OnlineSoftmax<A> state = OnlineSoftmax<A>::empty();
    row.visit([&](auto place, std::int64_t column) { state.add(row.pack(place, column)); });
    state = team_reduce(state, MergeSoftmax(), shared);
    row.visit([&](auto place, std::int64_t column) {
      Pack<T, kWidth> pack = row.pack(place, column);
#pragma unroll
      for (int k = 0; k < kWidth; ++k) {
        pack.values[k] = from_accumulator<T>(Kind::output(to_accumulator(pack.values[k]), state));
      }
      store_pack(y + index * loop.width + column, pack);
    });
  });
}

template <class Kind, class T, int kWidth, int kPacks>
__global__ void __launch_bounds__(kMostHoldingThreads<T, kPacks>, kHoldingBlocks<T, kPacks>)
    backward_rows(const RowLoop loop, const int shared_packs, const T* dy, const T* y, T* dx) {
  using A = AccumulatorOf<T>;
  __shared__ A shared[kMostWarps];
  loop.for_each([&](std::int64_t index, std::int64_t width) {
    const HeldRow<T, kWidth, kPacks, 2> dy_row(dy + index * loop.width, width, {shared_packs, 0}),
        y_row(y + index * loop.width, width, {shared_packs, 1});
    A sum = 0;
    dy_row.visit([&](auto place, std::int64_t column) {
      const Pack<T, kWidth> g = dy_row.pack(place, column), v = y_row.pack(place, column);
#pragma unroll
      for (int k = 0; k < kWidth; ++k)
        sum += Kind::term(to_accumulator(g.values[k]), to_accumulator(v.values[k]));
    });
    sum = team_reduce(sum, Add(), shared);
    dy_row.visit([&](auto place, std::int64_t column) {
      Pack<T, kWidth> g = dy_row.pack(place, column);
      const Pack<T, kWidth> v = y_row.pack(place, column);
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

constexpr int kMostKept = 32;  // elements of a line that a thread keeps

/// body(i) for the elements of a line; kKept is 0 for lines that are too long to be kept.
template <int kKept, class Body>
__device__ void for_each_element(std::int64_t size, Body body) {
  if constexpr (kKept > 0) {
#pragma unroll
    for (int i = 0; i < kKept; ++i) {
      if (i < size) body(i);
    }
  } else {
    for (std::int64_t i = 0; i < size; ++i) body(i);
  }
}

/// The elements of one line: from registers, or from memory where kKept is 0.
template <class T, int kKept>
class Line {
 public:
  __device__ Line(const T* first, const Lines& lines) : first_(first), stride_(lines.stride) {
    if constexpr (kKept > 0)
      for_each_element<kKept>(lines.size, [&](int i) { kept_[i] = first[i * stride_]; });
  }
  template <class Index>
  __device__ AccumulatorOf<T> operator[](Index i) const {
    if constexpr (kKept > 0)
      return to_accumulator(kept_[i]);
    else
      return to_accumulator(first_[i * stride_]);
  }

 private:
  const T* first_;
  std::int64_t stride_;
  T kept_[kKept > 0 ? kKept : 1];
};

// Left to itself, ptxas spills registers to fit more blocks: one may use them all.
template <class Kind, class T, int kKept>
__global__ void __launch_bounds__(kBlockThreads, 1) forward_lines(const Lines lines, const T* x, T* y) {
  using A = AccumulatorOf<T>;
  for (std::int64_t i = grid_thread(); i < lines.count; i += grid_threads()) {
    const std::int64_t start = lines.start(i);
    const Line<T, kKept> line(x + start, lines);
    OnlineSoftmax<A> state = OnlineSoftmax<A>::empty();
    for_each_element<kKept>(lines.size, [&](auto k) { state.add(line[k]); });
    for_each_element<kKept>(lines.size, [&](auto k) {
      y[start + k * lines.stride] = from_accumulator<T>(Kind::output(line[k], state));
    });
  }
}

template <class Kind, class T, int kKept>
__global__ void __launch_bounds__(kBlockThreads, 1)
    backward_lines(const Lines lines, const T* dy, const T* y, T* dx) {
  using A = AccumulatorOf<T>;
  for (std::int64_t i = grid_thread(); i < lines.count; i += grid_threads()) {
    const std::int64_t start = lines.start(i);
    const Line<T, kKept> dy_line(dy + start, lines), y_line(y + start, lines);
    A sum = 0;
    for_each_element<kKept>(lines.size, [&](auto k) { sum += Kind::term(dy_line[k], y_line[k]); });
    for_each_element<kKept>(lines.size, [&](auto k) {
      dx[start + k * lines.stride] = from_accumulator<T>(Kind::gradient(dy_line[k], y_line[k], sum));
    });
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
      return launch(stream, elementwise_shape(stream, lines.count),
                    lines.size <= kMostKept ? forward_lines<Kind, T, kMostKept> : forward_lines<Kind, T, 0>,
                    lines, x, y);
    }
    const RowLoop loop{args.outer, args.axis};
    visit_held_rows<T>(stream, loop, aligned_for_packs(kPackSize<T>, x, y),
                       [&]<int kWidth, int kPacks>(const RowTeams& teams) {
                         launch(stream, teams.shape(), forward_rows<Kind, T, kWidth, kPacks>, loop,
                                teams.shared_packs, x, y);
                       });
  });
}

void backward(const Stream& stream, const SoftmaxGradientArgs& args) {
  visit_softmax(args, "softmax_backward", [&]<class T, class Kind>() {
    const T *dy = static_cast<const T*>(args.dy), *y = static_cast<const T*>(args.y);
    T* dx = static_cast<T*>(args.dx);
    if (args.inner > 1) {
      const Lines lines = lines_of(args);
      return launch(stream, elementwise_shape(stream, lines.count),
                    lines.size <= kMostKept ? backward_lines<Kind, T, kMostKept> : backward_lines<Kind, T, 0>,
                    lines, dy, y, dx);
    }
    const RowLoop loop{args.outer, args.axis};
    visit_held_rows<T, 2>(stream, loop, aligned_for_packs(kPackSize<T>, dy, y, dx),
                          [&]<int kWidth, int kPacks>(const RowTeams& teams) {
                            launch(stream, teams.shape(), backward_rows<Kind, T, kWidth, kPacks>, loop,
                                   teams.shared_packs, dy, y, dx);
                          });
  });
}

const KernelRegistrar<SoftmaxArgs> kForward(softmax_forward, DeviceKind::cuda, forward);
const KernelRegistrar<SoftmaxGradientArgs> kBackward(softmax_backward, DeviceKind::cuda, backward);

}  // namespace
}  // namespace slipway::cuda
