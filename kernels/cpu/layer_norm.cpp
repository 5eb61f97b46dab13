#include "kernels/layer_norm.h"

#include <algorithm>
#include <cmath>

#include "kernels/cpu/float_types.h"
#include "kernels/cpu/parallel.h"

namespace slipway::cpu {
namespace {

/// y = (x - mean) rstd scale + shift, either of which may be missing.
template <class T>
void normalize(const T* x, T mean, T rstd, const T* scale, const T* shift, T* y, std::int64_t width) {
  if (scale && shift) {
#pragma omp simd
    for (std::int64_t i = 0; i < width; ++i) y[i] = (x[i] - mean) * rstd * scale[i] + shift[i];
  } else if (scale) {
#pragma omp simd
    for (std::int64_t i = 0; i < width; ++i) y[i] = (x[i] - mean) * rstd * scale[i];
  } else {
#pragma omp simd
    for (std::int64_t i = 0; i < width; ++i) y[i] = (x[i] - mean) * rstd + (shift ? shift[i] : T(0));
  }
}

template <class T>
void add(const T* a, const T* b, T* sum, std::int64_t width) {
#pragma omp simd
  for (std::int64_t i = 0; i < width; ++i) sum[i] = a[i] + b[i];
}

void forward(const Stream& stream, const LayerNormArgs& args) {
  visit_float(args.dtype, "layer_norm_forward", [&]<class T>() {
    const std::int64_t width = args.width;
    parallel_for(
        stream, args.rows, std::max<std::int64_t>(1, kParallelGrain / std::max<std::int64_t>(1, width)),
        [&](std::int64_t begin, std::int64_t end) {
          for (std::int64_t row = begin; row < end; ++row) {
            const T* x = static_cast<const T*>(args.x) + row * width;
            if (args.residual) {
              T* total = static_cast<T*>(args.sum ? args.sum : args.y) + row * width;
              add(x, static_cast<const T*>(args.residual) + row * width, total, width);
              x = total;
            }
            T sum = 0;
#pragma omp simd reduction(+ : sum)
            for (std::int64_t i = 0; i < width; ++i) sum += x[i];
            const T mean = sum / static_cast<T>(width);
            T squares = 0;  // of what is left: no cancellation where the mean is large
#pragma omp simd reduction(+ : squares)
            for (std::int64_t i = 0; i < width; ++i) squares += (x[i] - mean) * (x[i] - mean);
            const T rstd = 1 / std::sqrt(squares / static_cast<T>(width) + static_cast<T>(args.epsilon));
            static_cast<T*>(args.mean)[row] = mean;
            static_cast<T*>(args.rstd)[row] = rstd;
            normalize(x, mean, rstd, static_cast<const T*>(args.scale), static_cast<const T*>(args.shift),
                      static_cast<T*>(args.y) + row * width, width);
          }
        });
  });
}

/// One row's dx, and its addition to dscale and dshift.
template <class T>
void backward_row(const LayerNormGradientArgs& args, std::int64_t row, T* dscale, T* dshift) {
  const std::int64_t width = args.width;
  const T *dy = static_cast<const T*>(args.dy) + row * width,
          *x = static_cast<const T*>(args.x) + row * width;
  const T* scale = static_cast<const T*>(args.scale);
  const T* too = args.dx_too ? static_cast<const T*>(args.dx_too) + row * width : nullptr;
  T* dx = static_cast<T*>(args.dx) + row * width;
  const T mean = static_cast<const T*>(args.mean)[row], rstd = static_cast<const T*>(args.rstd)[row];
  T sum = 0, product = 0;
#pragma omp simd reduction(+ : sum, product)
  for (std::int64_t i = 0; i < width; ++i) {
    const T normal = (x[i] - mean) * rstd, g = scale ? dy[i] * scale[i] : dy[i];
    sum += g;
    product += g * normal;
  }
  const T mean_sum = sum / static_cast<T>(width), mean_product = product / static_cast<T>(width);
#pragma omp simd
  for (std::int64_t i = 0; i < width; ++i) {
    const T normal = (x[i] - mean) * rstd, d = dy[i];
    dscale[i] += d * normal;
    dshift[i] += d;
    const T of_row = rstd * ((scale ? d * scale[i] : d) - mean_sum - normal * mean_product);
    dx[i] = too ? of_row + too[i] : of_row;
  }
}

void backward(const Stream& stream, const LayerNormGradientArgs& args) {
  visit_float(args.dtype, "layer_norm_backward", [&]<class T>() {
    const std::int64_t width = args.width, chunks = LayerNormGradientArgs::chunks(args.rows);
    const std::int64_t size = (args.rows + chunks - 1) / chunks;
    T* partial = static_cast<T*>(args.partial);
    parallel_for(stream, chunks,
                 std::max<std::int64_t>(1, kParallelGrain / std::max<std::int64_t>(1, size * width)),
                 [&](std::int64_t first, std::int64_t last) {
                   for (std::int64_t chunk = first; chunk < last; ++chunk) {
                     T *dscale = partial + chunk * 2 * width, *dshift = dscale + width;
                     std::fill_n(dscale, 2 * width, T(0));
                     const std::int64_t end = std::min(args.rows, (chunk + 1) * size);
                     for (std::int64_t row = chunk * size; row < end; ++row) {
                       backward_row(args, row, dscale, dshift);
                     }
                   }
                 });
    T *dscale = static_cast<T*>(args.dscale), *dshift = static_cast<T*>(args.dshift);
    std::fill_n(dscale, width, T(0));
    std::fill_n(dshift, width, T(0));
    for (std::int64_t chunk = 0; chunk < chunks; ++chunk) {
      const T *scale_part = partial + chunk * 2 * width, *shift_part = scale_part + width;
#pragma omp simd
      for (std::int64_t i = 0; i < width; ++i) {
        dscale[i] += scale_part[i];
        dshift[i] += shift_part[i];
      }
    }
  });
}

const KernelRegistrar<LayerNormArgs> kForward(layer_norm_forward, DeviceKind::cpu, forward);
const KernelRegistrar<LayerNormGradientArgs> kBackward(layer_norm_backward, DeviceKind::cpu, backward);

}  // namespace
}  // namespace slipway::cpu
