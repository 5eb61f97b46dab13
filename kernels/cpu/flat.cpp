#include "kernels/flat.h"

#include <algorithm>
#include <cmath>

#include "kernels/cpu/fixed_sum.h"
#include "kernels/cpu/float_types.h"
#include "kernels/cpu/parallel.h"

namespace slipway::cpu {
namespace {

/// In lanes of their own, as one sum would wait for itself.
template <class T>
__attribute__((noinline)) double sum_of_squares(const T* x, std::int64_t count) {
  constexpr std::int64_t kLanes = 32;
  double sums[kLanes] = {};
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
#pragma omp simd
    for (std::int64_t l = 0; l < kLanes; ++l) {
      const double value = static_cast<double>(x[i + l]);
      sums[l] += value * value;
    }
  }
  for (; i < count; ++i) sums[0] += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  double sum = 0;
  for (const double part : sums) sum += part;
  return sum;
}

void clip_factor(const Stream& stream, const ClipFactorArgs& args) {
  visit_float(args.dtype, "clip_factor", [&]<class T>() {
    const T* x = static_cast<const T*>(args.x);
    const double squares = fixed_sum(
        stream, args.count, args.count,
        [=](std::int64_t begin, std::int64_t end) { return sum_of_squares(x + begin, end - begin); });
    const double scale = args.loss_scale ? args.scale / static_cast<double>(*args.loss_scale) : args.scale;
    const double norm = scale * std::sqrt(squares);
    const double clip = norm + 1e-6 <= args.max_norm ? 1 : args.max_norm / (norm + 1e-6);
    *args.norm = static_cast<float>(norm);
    const bool finite = std::isfinite(*args.norm) && (args.loss == nullptr || std::isfinite(*args.loss));
    *args.factor = finite ? static_cast<float>(scale * clip) : std::nanf("");
  });
}

void accumulate(const Stream& stream, const AccumulateArgs& args) {
  visit_float(args.dtype, "accumulate", [&]<class T>() {
    T* sum = static_cast<T*>(args.sum);
    const T* x = static_cast<const T*>(args.x);
    parallel_for(stream, args.count, kParallelGrain, [=](std::int64_t begin, std::int64_t end) {
#pragma omp simd
      for (std::int64_t i = begin; i < end; ++i) sum[i] += x[i];
    });
  });
}

void moving_average(const Stream& stream, const MovingAverageArgs& args) {
  if (args.gradient_scale != nullptr && !std::isfinite(*args.gradient_scale)) return;
  visit_float(args.dtype, "moving_average", [&]<class T>() {
    T* average = static_cast<T*>(args.average);
    const T* x = static_cast<const T*>(args.x);
    const T fresh = static_cast<T>(*args.step == 0 ? 1 : 1 - args.decay);
    const T kept = static_cast<T>(*args.step == 0 ? 0 : args.decay);
    parallel_for(stream, args.count, kParallelGrain, [=](std::int64_t begin, std::int64_t end) {
#pragma omp simd
      for (std::int64_t i = begin; i < end; ++i) average[i] = kept * average[i] + fresh * x[i];
    });
  });
}

const KernelRegistrar<ClipFactorArgs> kClipFactor(clip_factor_kernel, DeviceKind::cpu, clip_factor);
const KernelRegistrar<AccumulateArgs> kAccumulate(accumulate_kernel, DeviceKind::cpu, accumulate);
const KernelRegistrar<MovingAverageArgs> kAverage(moving_average_kernel, DeviceKind::cpu, moving_average);

}  // namespace
}  // namespace slipway::cpu
