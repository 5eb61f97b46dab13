#include "kernels/element_loss.h"

#include "kernels/cuda/block_reduce.cuh"
#include "kernels/cuda/divisor.cuh"
#include "kernels/cuda/math.cuh"

namespace slipway::cuda {
namespace {

template <class A>
struct LossAndGradient {
  A loss, gradient;
};

// One struct a loss: f(x, t) with weight w and the loss's parameter, and its gradient by x.
struct SquaredError {
  template <class A>
  static __device__ LossAndGradient<A> of(A x, A t, A, A) {
    return {(x - t) * (x - t), 2 * (x - t)};
  }
};
struct AbsoluteError {
  template <class A>
  static __device__ LossAndGradient<A> of(A x, A t, A, A) {
    return {magnitude(x - t), x > t ? A(1) : (x < t ? A(-1) : x - t)};  // x - t: 0, or NaN
  }
};
struct Huber {
  template <class A>
  static __device__ LossAndGradient<A> of(A x, A t, A, A d) {
    const A error = x - t, size = magnitude(error);
    const A slope = size <= d ? error : (error > A(0) ? d : -d);
    return {size <= d ? error * error / 2 : d * (size - d / 2), error != error ? error : slope};
  }
};
// With c = 1 + (w - 1) t:  loss = (1 - t) x + c log(1 + e^-x);  dx = (1 - t) - c σ(-x)
struct BinaryCrossEntropy {
  template <class A>
  static __device__ LossAndGradient<A> of(A x, A t, A w, A) {
    const A c = 1 + (w - 1) * t;
    return {(1 - t) * x + c * softplus(-x), (1 - t) - c * sigmoid(-x)};
  }
};

template <class T, class Target>
struct Losses {
  using A = AccumulatorOf<T>;
  static constexpr int kWidth = static_cast<int>(16 / std::max(sizeof(T), sizeof(Target)));

  const T* x;
  const Target* target;
  const T* weights;  // [channels], or null
  T* dx;             // or null
  Divisor by_inner, by_channels;
  A parameter, share;  // 1 / divisor

  __device__ A weight(std::int64_t i) const {
    return weights ? to_accumulator(weights[by_channels.remainder(by_inner.quotient(i))]) : A(1);
  }
  /// Writes the gradients of kElements elements and gives the sum of their losses.
  template <class Loss, int kElements>
  __device__ double apply(std::int64_t i) const {
    Pack<T, kElements> pack = load_pack<kElements>(x + i);
    const Pack<Target, kElements> targets = load_pack<kElements>(target + i);
    double sum = 0;
#pragma unroll
    for (int k = 0; k < kElements; ++k) {
      const A t = static_cast<A>(to_accumulator(targets.values[k]));
      const LossAndGradient<A> value = Loss::of(to_accumulator(pack.values[k]), t, weight(i + k), parameter);
      sum += static_cast<double>(value.loss);
      pack.values[k] = from_accumulator<T>(value.gradient * share);
    }
    if (dx) store_pack(dx + i, pack);
    return sum;
  }
};

/// Each block leaves the sum of its losses in partial[blockIdx.x].
template <class Loss, class T, class Target>
__global__ void __launch_bounds__(kBlockThreads)
    sum_losses(const Losses<T, Target> losses, const std::int64_t packs, const std::int64_t count,
               double* partial) {
  constexpr int kWidth = Losses<T, Target>::kWidth;
  __shared__ double shared[kMostWarps];
  double sum = 0;
  for (std::int64_t i = grid_thread(); i < packs; i += grid_threads()) {
    sum += losses.template apply<Loss, kWidth>(i * kWidth);
  }
  for (std::int64_t i = packs * kWidth + grid_thread(); i < count; i += grid_threads()) {
    sum += losses.template apply<Loss, 1>(i);
  }
  sum = block_sum(sum, shared);
  if (threadIdx.x == 0) partial[blockIdx.x] = sum;
}

/// One block.
template <class T>
__global__ void __launch_bounds__(kBlockThreads)
    finish_mean(const double* partial, const int parts, const double divisor, T* loss) {
  __shared__ double shared[kMostWarps];
  double sum = 0;
  for (int i = static_cast<int>(threadIdx.x); i < parts; i += kBlockThreads) sum += partial[i];
  sum = block_sum(sum, shared);
  if (threadIdx.x == 0) *loss = from_accumulator<T>(static_cast<AccumulatorOf<T>>(sum / divisor));
}

template <class Loss, class T, class Target>
void run_typed(const Stream& stream, const ElementLossArgs& args) {
  using A = AccumulatorOf<T>;
  constexpr int kWidth = Losses<T, Target>::kWidth;
  const Losses<T, Target> losses{.x = static_cast<const T*>(args.x),
                                 .target = static_cast<const Target*>(args.target),
                                 .weights = static_cast<const T*>(args.weights),
                                 .dx = static_cast<T*>(args.dx),
                                 .by_inner = Divisor(std::max<std::int64_t>(1, args.inner)),
                                 .by_channels = Divisor(std::max<std::int64_t>(1, args.channels)),
                                 .parameter = static_cast<A>(args.parameter),
                                 .share = A(1) / static_cast<A>(args.divisor)};
  const bool aligned =
      aligned_for_packs(kWidth, losses.x, losses.dx) && aligned_for_packs(kWidth, losses.target);
  // Blocks by the count alone: the same bits on every device.
  const std::int64_t blocks = (args.count / kWidth + kBlockThreads) / kBlockThreads;
  const int parts = static_cast<int>(std::min<std::int64_t>(blocks, ElementLossArgs::kParts));
  launch(stream, {.grid = dim3(static_cast<unsigned>(parts)), .block = dim3(kBlockThreads)},
         sum_losses<Loss, T, Target>, losses, aligned ? args.count / kWidth : 0, args.count, args.partial);
  launch(stream, {.grid = dim3(1), .block = dim3(kBlockThreads)}, finish_mean<T>,
         static_cast<const double*>(args.partial), parts, static_cast<double>(args.divisor),
         static_cast<T*>(args.loss));
}

template <class Loss>
void run(const Stream& stream, const ElementLossArgs& args) {
  visit_float(args.dtype, "element_loss", [&]<class T>() {
    if (args.target_dtype == DType::int64)
      run_typed<Loss, T, std::int64_t>(stream, args);
    else
      run_typed<Loss, T, T>(stream, args);
  });
}

const KernelRegistrar<ElementLossArgs> kSquared(squared_error_kernel, DeviceKind::cuda, run<SquaredError>);
const KernelRegistrar<ElementLossArgs> kAbsolute(absolute_error_kernel, DeviceKind::cuda, run<AbsoluteError>);
const KernelRegistrar<ElementLossArgs> kHuber(huber_kernel, DeviceKind::cuda, run<Huber>);
const KernelRegistrar<ElementLossArgs> kBinary(binary_cross_entropy_kernel, DeviceKind::cuda,
                                               run<BinaryCrossEntropy>);

}  // namespace
}  // namespace slipway::cuda
