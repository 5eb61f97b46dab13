#include "kernels/cuda/divisor.cuh"
#include "kernels/cuda/ranked.cuh"
#include "kernels/cuda/rows.cuh"
#include "kernels/pool2d.h"

namespace slipway::cuda {
namespace {

/// A row of pixels for each channel of each image.
RowLoop planes(const ValueType& type) {
  require(type.is_row_major(), "global pooling: expects a row-major value on a GPU, got ", type);
  return {type.shape[0] * type.shape[1], type.shape.elements(2, type.shape.rank())};
}

// y = Σ x / pixels;  dx = dy / pixels
template <class T, int kWidth>
__global__ void __launch_bounds__(kMostTeamThreads) average_planes(const RowLoop loop, const T* x, T* y) {
  using A = AccumulatorOf<T>;
  __shared__ A shared[kMostWarps];
  loop.for_each([&](std::int64_t row, std::int64_t width) {
    A sum = 0;
    for_each_pack<kWidth, 0>(width, [&](int, std::int64_t pixel) {
      const Pack<T, kWidth> pack = load_pack<kWidth>(x + row * loop.width + pixel);
#pragma unroll
      for (int k = 0; k < kWidth; ++k) sum += to_accumulator(pack.values[k]);
    });
    sum = team_reduce(sum, Add(), shared);
    if (row < loop.rows && threadIdx.x == 0) y[row] = from_accumulator<T>(sum / static_cast<A>(loop.width));
  });
}

/// The greatest pixel and the first place where it is.
template <class T, int kWidth>
__global__ void __launch_bounds__(kMostTeamThreads)
    greatest_of_planes(const RowLoop loop, const T* x, T* y, std::int32_t* index) {
  using A = AccumulatorOf<T>;
  __shared__ Ranked<A> shared[kMostWarps];
  loop.for_each([&](std::int64_t row, std::int64_t width) {
    Ranked<A> best = Ranked<A>::none();
    for_each_pack<kWidth, 0>(width, [&](int, std::int64_t pixel) {
      const Pack<T, kWidth> pack = load_pack<kWidth>(x + row * loop.width + pixel);
#pragma unroll
      for (int k = 0; k < kWidth; ++k)
        best = First()(best, Ranked<A>{to_accumulator(pack.values[k]), pixel + k});
    });
    best = team_reduce(best, First(), shared);
    if (row < loop.rows && threadIdx.x == 0) {
      y[row] = from_accumulator<T>(best.value);
      index[row] = static_cast<std::int32_t>(best.place);
    }
  });
}

/// dx = of(plane, pixel, dy of the plane), kWidth pixels of one plane at a time.
template <int kWidth, class T, class Function>
__global__ void __launch_bounds__(kBlockThreads)
    spread(const Function of, const std::int64_t packs, const Divisor by_packs, const T* dy, T* dx) {
  for (std::int64_t i = grid_thread(); i < packs; i += grid_threads()) {
    const std::int64_t plane = by_packs.quotient(i), first = by_packs.remainder(i, plane) * kWidth;
    const AccumulatorOf<T> gradient = to_accumulator(dy[plane]);
    Pack<T, kWidth> pack;
#pragma unroll
    for (int k = 0; k < kWidth; ++k) pack.values[k] = from_accumulator<T>(of(plane, first + k, gradient));
    store_pack(dx + i * kWidth, pack);
  }
}

template <class T, class Function>
void spread_gradient(const Stream& stream, const RowLoop& loop, const Function& of, const T* dy, T* dx) {
  const std::int64_t elements = loop.rows * loop.width;
  if (elements == 0) return;
  constexpr int kWidth = kPackSize<T>;
  const bool packs = loop.width % kWidth == 0 && aligned_for_packs(kWidth, dx);
  const std::int64_t width = packs ? kWidth : 1;
  launch(stream, elementwise_shape(stream, elements / width),
         packs ? spread<kWidth, T, Function> : spread<1, T, Function>, of, elements / width,
         Divisor(loop.width / width), dy, dx);
}

struct Share {
  std::int64_t pixels;
  template <class A>
  __device__ A operator()(std::int64_t, std::int64_t, A gradient) const {
    return gradient / static_cast<A>(pixels);
  }
};
struct OfGreatest {
  const std::int32_t* index;
  template <class A>
  __device__ A operator()(std::int64_t plane, std::int64_t pixel, A gradient) const {
    return index[plane] == pixel ? gradient : A(0);
  }
};

/// Calls body.template operator()<kWidth>(teams).
template <class T, class Body>
void visit_planes(const RowLoop& loop, const T* x, Body&& body) {
  constexpr int kWidth = kPackSize<T>;
  if (aligned_for_packs(kWidth, x) && loop.width % kWidth == 0)
    body.template operator()<kWidth>(RowTeams(loop, kWidth, 1));
  else
    body.template operator()<1>(RowTeams(loop, 1, 1));
}

void average(const Stream& stream, const GlobalAvgPoolArgs& args) {
  const RowLoop loop = planes(args.x_type);
  visit_float(args.x_type.dtype, "global_avg_pool", [&]<class T>() {
    const T* x = static_cast<const T*>(args.from);
    visit_planes(loop, x, [&]<int kWidth>(const RowTeams& teams) {
      launch(stream, teams.shape(), average_planes<T, kWidth>, loop, x, static_cast<T*>(args.to));
    });
  });
}

void average_gradient(const Stream& stream, const GlobalAvgPoolArgs& args) {
  const RowLoop loop = planes(args.x_type);
  visit_float(args.x_type.dtype, "global_avg_pool", [&]<class T>() {
    spread_gradient(stream, loop, Share{loop.width}, static_cast<const T*>(args.from),
                    static_cast<T*>(args.to));
  });
}

void maximum(const Stream& stream, const GlobalMaxPoolArgs& args) {
  const RowLoop loop = planes(args.x_type);
  visit_float(args.x_type.dtype, "global_max_pool", [&]<class T>() {
    const T* x = static_cast<const T*>(args.x);
    visit_planes(loop, x, [&]<int kWidth>(const RowTeams& teams) {
      launch(stream, teams.shape(), greatest_of_planes<T, kWidth>, loop, x, static_cast<T*>(args.y),
             args.index);
    });
  });
}

void maximum_gradient(const Stream& stream, const GlobalMaxPoolGradientArgs& args) {
  const RowLoop loop = planes(args.x_type);
  visit_float(args.x_type.dtype, "global_max_pool", [&]<class T>() {
    spread_gradient(stream, loop, OfGreatest{args.index}, static_cast<const T*>(args.dy),
                    static_cast<T*>(args.dx));
  });
}

const KernelRegistrar<GlobalAvgPoolArgs> kAverage(global_avg_pool_forward, DeviceKind::cuda, average);
const KernelRegistrar<GlobalAvgPoolArgs> kAverageGradient(global_avg_pool_backward, DeviceKind::cuda,
                                                          average_gradient);
const KernelRegistrar<GlobalMaxPoolArgs> kMaximum(global_max_pool_forward, DeviceKind::cuda, maximum);
const KernelRegistrar<GlobalMaxPoolGradientArgs> kMaximumGradient(global_max_pool_backward, DeviceKind::cuda,
                                                                  maximum_gradient);

}  // namespace
}  // namespace slipway::cuda
