#include "kernels/cpu/float_types.h"
#include "kernels/cpu/pool_windows.h"
#include "kernels/pool2d.h"

namespace slipway::cpu {
namespace {

/// Places of one axis's window that lie inside the input.
std::int64_t inside(const PoolWindows& windows, std::size_t axis, std::int64_t position) {
  const std::int64_t begin = position * windows.window.stride[axis] - windows.window.padding_begin[axis];
  const std::int64_t end = std::min(begin + windows.kernel[axis], windows.input[axis]);
  return end - std::max<std::int64_t>(begin, 0);
}

/// What the sum over the window of an output pixel is divided by.
std::int64_t divisor(const PoolWindows& windows, bool count_include_pad, std::int64_t pixel) {
  if (count_include_pad) return windows.kernel[0] * windows.kernel[1];
  const std::int64_t row = pixel / windows.output[1], column = pixel % windows.output[1];
  return std::max<std::int64_t>(1, inside(windows, 0, row) * inside(windows, 1, column));
}

void forward(const Stream& stream, const AvgPool2dArgs& args) {
  const ChannelGroups in(args.x_type, "avg_pool2d"), out(args.y_type, "avg_pool2d");
  const PoolWindows windows(args);
  visit_float(args.x_type.dtype, "avg_pool2d", [&]<class T>() {
    for_each_plane(stream, in, out, [&]<int kLanes>(const PoolPlane& plane) {
      const int lanes = kLanes ? kLanes : plane.stored;
      const T* x = static_cast<const T*>(args.from) + plane.input;
      T* y = static_cast<T*>(args.to) + plane.output;
      std::array<T, ChannelGroups::kLanes> sum;
      windows.for_each([&](std::int64_t) { sum.fill(T(0)); },
                       [&](std::int64_t, std::int64_t pixel) {
                         const T* from = x + pixel * in.pixel_stride;
#pragma omp simd
                         for (int l = 0; l < lanes; ++l) sum[l] += from[l];
                       },
                       [&](std::int64_t pixel) {
                         const T count = static_cast<T>(divisor(windows, args.count_include_pad, pixel));
                         T* to = y + pixel * out.pixel_stride;
                         for (int l = 0; l < lanes; ++l) to[l] = sum[l] / count;
                       });
    });
  });
}

void backward(const Stream& stream, const AvgPool2dArgs& args) {
  const ChannelGroups in(args.x_type, "avg_pool2d"), out(args.y_type, "avg_pool2d");
  const PoolWindows windows(args);
  visit_float(args.x_type.dtype, "avg_pool2d", [&]<class T>() {
    for_each_plane(stream, in, out, [&]<int kLanes>(const PoolPlane& plane) {
      const int lanes = kLanes ? kLanes : plane.stored;
      const T* dy = static_cast<const T*>(args.from) + plane.output;
      T* dx = static_cast<T*>(args.to) + plane.input;
      for (std::int64_t pixel = 0; pixel < in.pixels; ++pixel) {
        std::fill_n(dx + pixel * in.pixel_stride, lanes, T(0));
      }
      std::array<T, ChannelGroups::kLanes> share;
      windows.for_each(
          [&](std::int64_t pixel) {
            const T count = static_cast<T>(divisor(windows, args.count_include_pad, pixel));
            const T* from = dy + pixel * out.pixel_stride;
            for (int l = 0; l < lanes; ++l) share[l] = from[l] / count;
          },
          [&](std::int64_t, std::int64_t pixel) {
            T* to = dx + pixel * in.pixel_stride;
#pragma omp simd
            for (int l = 0; l < lanes; ++l) to[l] += share[l];
          },
          [](std::int64_t) {});
    });
  });
}

const KernelRegistrar<AvgPool2dArgs> kForward(avg_pool2d_forward, DeviceKind::cpu, forward);
const KernelRegistrar<AvgPool2dArgs> kBackward(avg_pool2d_backward, DeviceKind::cpu, backward);

}  // namespace
}  // namespace slipway::cpu
