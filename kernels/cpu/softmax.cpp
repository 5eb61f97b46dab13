#include "kernels/softmax.h"

#include <algorithm>
#include <cmath>

#include "kernels/cpu/float_types.h"
#include "kernels/cpu/math.h"
#include "kernels/cpu/parallel.h"

namespace slipway::cpu {
namespace {

/// Neighbouring positions that are worked on side by side where the axis is not contiguous.
constexpr std::int64_t kLanes = 32;

template <class T>
void forward_row(const T* x, T* y, std::int64_t size, SoftmaxKind kind) {
  T top = x[0];
#pragma omp simd reduction(max : top)
  for (std::int64_t i = 0; i < size; ++i) top = x[i] > top ? x[i] : top;
  T sum = 0;
  if (kind == SoftmaxKind::log_softmax) {
#pragma omp simd reduction(+ : sum)
    for (std::int64_t i = 0; i < size; ++i) sum += exp(x[i] - top);
    const T shift = top + log(sum);
#pragma omp simd
    for (std::int64_t i = 0; i < size; ++i) y[i] = x[i] - shift;
    return;
  }
#pragma omp simd reduction(+ : sum)
  for (std::int64_t i = 0; i < size; ++i) {
    const T e = exp(x[i] - top);
    y[i] = e;
    sum += e;
  }
  const T factor = 1 / sum;
#pragma omp simd
  for (std::int64_t i = 0; i < size; ++i) y[i] *= factor;
}

/// Up to kLanes positions at once; elements of one position are `stride` apart.
template <class T>
void forward_columns(const T* x, T* y, const SoftmaxArgs& args, std::int64_t width) {
  const std::int64_t stride = args.inner;
  T top[kLanes], sum[kLanes] = {};
  for (std::int64_t k = 0; k < width; ++k) top[k] = x[k];
  for (std::int64_t i = 1; i < args.axis; ++i) {
#pragma omp simd
    for (std::int64_t k = 0; k < width; ++k) top[k] = x[i * stride + k] > top[k] ? x[i * stride + k] : top[k];
  }
  const bool is_log = args.kind == SoftmaxKind::log_softmax;
  for (std::int64_t i = 0; i < args.axis; ++i) {
#pragma omp simd
    for (std::int64_t k = 0; k < width; ++k) {
      const T shifted = x[i * stride + k] - top[k], e = exp(shifted);
      y[i * stride + k] = is_log ? shifted : e;
      sum[k] += e;
    }
  }
  for (std::int64_t k = 0; k < width; ++k) sum[k] = is_log ? log(sum[k]) : 1 / sum[k];
  for (std::int64_t i = 0; i < args.axis; ++i) {
    T* row = y + i * stride;
#pragma omp simd
    for (std::int64_t k = 0; k < width; ++k) row[k] = is_log ? row[k] - sum[k] : row[k] * sum[k];
  }
}

template <class T>
void backward_row(const T* dy, const T* y, T* dx, std::int64_t size, SoftmaxKind kind) {
  T sum = 0;
  if (kind == SoftmaxKind::log_softmax) {
#pragma omp simd reduction(+ : sum)
    for (std::int64_t i = 0; i < size; ++i) sum += dy[i];
#pragma omp simd
    for (std::int64_t i = 0; i < size; ++i) dx[i] = dy[i] - exp(y[i]) * sum;
    return;
  }
#pragma omp simd reduction(+ : sum)
  for (std::int64_t i = 0; i < size; ++i) sum += dy[i] * y[i];
#pragma omp simd
  for (std::int64_t i = 0; i < size; ++i) dx[i] = y[i] * (dy[i] - sum);
}

template <class T>
void backward_columns(const T* dy, const T* y, T* dx, const SoftmaxGradientArgs& args, std::int64_t width) {
  const std::int64_t stride = args.inner;
  const bool is_log = args.kind == SoftmaxKind::log_softmax;
  T sum[kLanes] = {};
  for (std::int64_t i = 0; i < args.axis; ++i) {
    const T *g = dy + i * stride, *v = y + i * stride;
#pragma omp simd
    for (std::int64_t k = 0; k < width; ++k) sum[k] += is_log ? g[k] : g[k] * v[k];
  }
  for (std::int64_t i = 0; i < args.axis; ++i) {
    const T *g = dy + i * stride, *v = y + i * stride;
    T* out = dx + i * stride;
#pragma omp simd
    for (std::int64_t k = 0; k < width; ++k) {
      out[k] = is_log ? g[k] - exp(v[k]) * sum[k] : v[k] * (g[k] - sum[k]);
    }
  }
}

/// Calls rows(offset) for every row, or columns(offset, width) for every block of neighbouring positions.
template <class Args, class Rows, class Columns>
void for_each_line(const Stream& stream, const Args& args, Rows rows, Columns columns) {
  if (args.axis == 0 || args.inner == 0) return;
  const std::int64_t blocks = (args.inner + kLanes - 1) / kLanes, lines = args.outer * blocks;
  const std::int64_t work = args.axis * std::min(kLanes, args.inner);
  parallel_for(stream, lines, std::max<std::int64_t>(1, kParallelGrain / work),
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t i = begin; i < end; ++i) {
                   const std::int64_t first = i % blocks * kLanes;
                   const std::int64_t offset = i / blocks * args.axis * args.inner + first;
                   if (args.inner == 1)
                     rows(offset);
                   else
                     columns(offset, std::min(kLanes, args.inner - first));
                 }
               });
}

void forward(const Stream& stream, const SoftmaxArgs& args) {
  visit_float(args.dtype, "softmax_forward", [&]<class T>() {
    const T* x = static_cast<const T*>(args.x);
    T* y = static_cast<T*>(args.y);
    for_each_line(
        stream, args, [&](std::int64_t at) { forward_row(x + at, y + at, args.axis, args.kind); },
        [&](std::int64_t at, std::int64_t width) { forward_columns(x + at, y + at, args, width); });
  });
}

void backward(const Stream& stream, const SoftmaxGradientArgs& args) {
  visit_float(args.dtype, "softmax_backward", [&]<class T>() {
    const T *dy = static_cast<const T*>(args.dy), *y = static_cast<const T*>(args.y);
    T* dx = static_cast<T*>(args.dx);
    for_each_line(
        stream, args, [&](std::int64_t at) { backward_row(dy + at, y + at, dx + at, args.axis, args.kind); },
        [&](std::int64_t at, std::int64_t width) {
          backward_columns(dy + at, y + at, dx + at, args, width);
        });
  });
}

const KernelRegistrar<SoftmaxArgs> kForward(softmax_forward, DeviceKind::cpu, forward);
const KernelRegistrar<SoftmaxGradientArgs> kBackward(softmax_backward, DeviceKind::cpu, backward);

}  // namespace
}  // namespace slipway::cpu
