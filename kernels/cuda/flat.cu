#include "kernels/flat.h"

#include "kernels/cuda/block_reduce.cuh"
#include "kernels/cuda/elementwise.cuh"
#include "kernels/cuda/math.cuh"

namespace slipway::cuda {
namespace {

// With c = scale / loss_scale:  norm = c sqrt(Σ x²);  factor = c min(1, max_norm / (norm + 1e-6)), NaN where
// norm or loss is not finite
struct ClipFactor {
  double scale, max_norm;
  const float* loss;        // or null
  const float* loss_scale;  // or null
  float* norm;
  float* factor;

  __device__ void finish(double squares) const {
    const double unscaled = loss_scale ? scale / static_cast<double>(*loss_scale) : scale;
    const double measured = unscaled * square_root(squares);
    const double clip = measured + 1e-6 <= max_norm ? 1 : max_norm / (measured + 1e-6);
    *norm = static_cast<float>(measured);
    const bool finite = is_finite(*norm) && (loss == nullptr || is_finite(*loss));
    *factor = finite ? static_cast<float>(unscaled * clip) : nanf("");
  }
};

/// Each block leaves the sum of its squares in partial[blockIdx.x].
template <class T>
__global__ void __launch_bounds__(kBlockThreads)
    sum_squares(const std::int64_t packs, const std::int64_t count, const T* x, double* partial) {
  constexpr int kWidth = kPackSize<T>;
  __shared__ double shared[kMostWarps];
  double sum = 0;
  const auto add = [&sum](T element) {
    const double value = static_cast<double>(to_accumulator(element));
    sum += value * value;
  };
  for (std::int64_t i = grid_thread(); i < packs; i += grid_threads()) {
    const Pack<T, kWidth> pack = load_pack<kWidth>(x + i * kWidth);
#pragma unroll
    for (int k = 0; k < kWidth; ++k) add(pack.values[k]);
  }
  for (std::int64_t i = packs * kWidth + grid_thread(); i < count; i += grid_threads()) add(x[i]);
  sum = block_sum(sum, shared);
  if (threadIdx.x == 0) partial[blockIdx.x] = sum;
}

/// One block.
__global__ void __launch_bounds__(kBlockThreads)
    finish_clip_factor(const ClipFactor clip, const double* partial, const int parts) {
  __shared__ double shared[kMostWarps];
  double sum = 0;
  for (int i = static_cast<int>(threadIdx.x); i < parts; i += kBlockThreads) sum += partial[i];
  sum = block_sum(sum, shared);
  if (threadIdx.x == 0) clip.finish(sum);
}

void clip_factor(const Stream& stream, const ClipFactorArgs& args) {
  visit_float(args.dtype, "clip_factor", [&]<class T>() {
    const T* x = static_cast<const T*>(args.x);
    // Parts that depend on `count` only: the same bits on every device.
    const std::int64_t packs = aligned_for_packs(kPackSize<T>, x) ? args.count / kPackSize<T> : 0;
    const std::int64_t blocks = (args.count / kPackSize<T> + kBlockThreads) / kBlockThreads;
    const int parts = static_cast<int>(std::min<std::int64_t>(blocks, ClipFactorArgs::kParts));
    launch(stream, {.grid = dim3(static_cast<unsigned>(parts)), .block = dim3(kBlockThreads)}, sum_squares<T>,
           packs, args.count, x, args.partial);
    const ClipFactor clip{args.scale, args.max_norm, args.loss, args.loss_scale, args.norm, args.factor};
    launch(stream, {.grid = dim3(1), .block = dim3(kBlockThreads)}, finish_clip_factor, clip,
           static_cast<const double*>(args.partial), parts);
  });
}

void accumulate(const Stream& stream, const AccumulateArgs& args) {
  visit_float(args.dtype, "accumulate", [&]<class T>() {
    T* sum = static_cast<T*>(args.sum);
    map(stream, args.count, Add(), sum, static_cast<const T*>(sum), static_cast<const T*>(args.x));
  });
}

// average = decay average + (1 - decay) x
template <class A>
struct MovingAverage {
  const std::int64_t* step;
  const float* gradient_scale;  // or null
  A decay, rest;

  __device__ A operator()(A average, A x) const {
    if (gradient_scale && !is_finite(*gradient_scale)) return average;
    return *step == 0 ? x : decay * average + rest * x;
  }
};

void moving_average(const Stream& stream, const MovingAverageArgs& args) {
  visit_float(args.dtype, "moving_average", [&]<class T>() {
    using A = AccumulatorOf<T>;
    T* average = static_cast<T*>(args.average);
    const MovingAverage<A> update{args.step, args.gradient_scale, static_cast<A>(args.decay),
                                  static_cast<A>(1 - args.decay)};
    map(stream, args.count, update, average, static_cast<const T*>(average), static_cast<const T*>(args.x));
  });
}

const KernelRegistrar<ClipFactorArgs> kClipFactor(clip_factor_kernel, DeviceKind::cuda, clip_factor);
const KernelRegistrar<AccumulateArgs> kAccumulate(accumulate_kernel, DeviceKind::cuda, accumulate);
const KernelRegistrar<MovingAverageArgs> kAverage(moving_average_kernel, DeviceKind::cuda, moving_average);

}  // namespace
}  // namespace slipway::cuda
