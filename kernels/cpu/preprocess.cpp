#include "kernels/preprocess.h"

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "kernels/cpu/float_types.h"
#include "kernels/cpu/parallel.h"

namespace slipway::cpu {
namespace {

template <class From>
auto as_number(From x) {
  if constexpr (std::is_same_v<From, float16> || std::is_same_v<From, bfloat16>)
    return static_cast<float>(x);
  else
    return x;
}

template <class From, class To>
void affine_row(const From* __restrict x, To* __restrict y, To scale, To shift, std::int64_t count) {
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) y[i] = static_cast<To>(as_number(x[i])) * scale + shift;
}

template <class From, class To>
void filled_affine_row(const From* __restrict x, To* __restrict y, To scale, To shift, To fill,
                       std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) {
    const To value = static_cast<To>(as_number(x[i]));
    y[i] = (std::isnan(value) ? fill : value) * scale + shift;
  }
}

void channel_affine(const Stream& stream, const ChannelAffineArgs& args) {
  visit_float(args.to, "channel_affine", [&]<class To>() {
    visit_dtype(args.from, [&]<class From>() {
      const From* x = static_cast<const From*>(args.x);
      To* y = static_cast<To*>(args.y);
      const std::int64_t rows = args.outer * args.channels;
      parallel_for(
          stream, rows, std::max<std::int64_t>(1, kParallelGrain / std::max<std::int64_t>(1, args.inner)),
          [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t row = begin; row < end; ++row) {
              const std::int64_t c = row % args.channels, at = row * args.inner;
              const To scale = static_cast<To>(args.scale[c]), shift = static_cast<To>(args.shift[c]);
              if (args.fill && !std::isnan(args.fill[c])) {
                filled_affine_row(x + at, y + at, scale, shift, static_cast<To>(args.fill[c]), args.inner);
              } else {
                affine_row(x + at, y + at, scale, shift, args.inner);
              }
            }
          });
    });
  });
}

void one_hot_columns(const Stream& stream, const OneHotColumnsArgs& args) {
  visit_float(args.dtype, "one_hot_columns", [&]<class T>() {
    parallel_for(stream, args.rows,
                 std::max<std::int64_t>(1, kParallelGrain / std::max<std::int64_t>(1, args.result)),
                 [&](std::int64_t begin, std::int64_t end) {
                   for (std::int64_t row = begin; row < end; ++row) {
                     const T* x = static_cast<const T*>(args.x) + row * args.columns;
                     T* y = static_cast<T*>(args.y) + row * args.result;
                     for (std::int64_t c = 0; c < args.columns; ++c) {
                       const std::int64_t size = args.sizes[c];
                       if (size == 0) {
                         *y++ = x[c];
                         continue;
                       }
                       for (std::int64_t k = 0; k < size; ++k) *y++ = x[c] == static_cast<T>(k) ? T(1) : T(0);
                     }
                   }
                 });
  });
}

const KernelRegistrar<ChannelAffineArgs> kAffine(channel_affine_kernel, DeviceKind::cpu, channel_affine);
const KernelRegistrar<OneHotColumnsArgs> kOneHot(one_hot_columns_kernel, DeviceKind::cpu, one_hot_columns);

}  // namespace
}  // namespace slipway::cpu
