#include <limits>

#include "kernels/cpu/float_types.h"
#include "kernels/cpu/pool_windows.h"
#include "kernels/pool2d.h"

namespace slipway::cpu {
namespace {

/// Calls body.template operator()<T, Index>().
template <class Body>
void visit_types(DType dtype, DType index, const char* kernel, Body&& body) {
  visit_float(dtype, kernel, [&]<class T>() {
    if (index == DType::uint8)
      body.template operator()<T, std::uint8_t>();
    else
      body.template operator()<T, std::int32_t>();
  });
}

template <int kLanes, class T, class Index>
void forward_plane(const PoolWindows& windows, const T* x, T* y, Index* index, const ChannelGroups& in,
                   const ChannelGroups& out, const PoolPlane& plane) {
  const int lanes = kLanes ? kLanes : plane.stored;
  std::array<T, ChannelGroups::kLanes> best;
  std::array<std::int32_t, ChannelGroups::kLanes> place;
  windows.for_each(
      [&](std::int64_t) {
        for (int l = 0; l < lanes; ++l) {
          best[l] = -std::numeric_limits<T>::infinity();
          place[l] = -1;
        }
      },
      [&](std::int64_t k, std::int64_t pixel) {
        const T* from = x + pixel * in.pixel_stride;
#pragma omp simd
        for (int l = 0; l < lanes; ++l) {
          const bool wins = from[l] > best[l] || from[l] != from[l] || place[l] < 0;  // NaN wins
          best[l] = wins ? from[l] : best[l];
          place[l] = wins ? static_cast<std::int32_t>(k) : place[l];
        }
      },
      [&](std::int64_t pixel) {
        T* to = y + pixel * out.pixel_stride;
        Index* places = index + pixel * out.pixel_stride;
#pragma omp simd
        for (int l = 0; l < lanes; ++l) {
          to[l] = best[l];
          places[l] = static_cast<Index>(place[l] < 0 ? 0 : place[l]);
        }
        for (int l = plane.used; l < lanes; ++l) places[l] = 0;  // padding stays zero
      });
}

void forward(const Stream& stream, const MaxPool2dArgs& args) {
  const ChannelGroups in(args.x_type, "max_pool2d"), out(args.y_type, "max_pool2d");
  const PoolWindows windows(args);
  visit_types(args.x_type.dtype, args.index_type.dtype, "max_pool2d", [&]<class T, class Index>() {
    for_each_plane(stream, in, out, [&]<int kLanes>(const PoolPlane& plane) {
      forward_plane<kLanes>(windows, static_cast<const T*>(args.x) + plane.input,
                            static_cast<T*>(args.y) + plane.output,
                            static_cast<Index*>(args.index) + plane.output, in, out, plane);
    });
  });
}

template <int kLanes, class T, class Index>
void backward_plane(const PoolWindows& windows, const T* dy, const Index* index, T* dx,
                    const ChannelGroups& in, const ChannelGroups& out, const PoolPlane& plane) {
  const int lanes = kLanes ? kLanes : plane.stored;
  for (std::int64_t pixel = 0; pixel < in.pixels; ++pixel) {
    std::fill_n(dx + pixel * in.pixel_stride, lanes, T(0));
  }
  // Widened once a window: the loop over its places then works on vectors of one width.
  std::array<T, ChannelGroups::kLanes> gradient;
  std::array<std::int32_t, ChannelGroups::kLanes> winner;
  windows.for_each(
      [&](std::int64_t pixel) {
        for (int l = 0; l < lanes; ++l) {
          gradient[l] = dy[pixel * out.pixel_stride + l];
          winner[l] = static_cast<std::int32_t>(index[pixel * out.pixel_stride + l]);
        }
      },
      [&](std::int64_t k, std::int64_t pixel) {
        T* to = dx + pixel * in.pixel_stride;
        const auto place = static_cast<std::int32_t>(k);
#pragma omp simd
        for (int l = 0; l < lanes; ++l) to[l] += winner[l] == place ? gradient[l] : T(0);
      },
      [](std::int64_t) {});
}

void backward(const Stream& stream, const MaxPool2dGradientArgs& args) {
  const ChannelGroups in(args.x_type, "max_pool2d"), out(args.y_type, "max_pool2d");
  const PoolWindows windows(args);
  visit_types(args.x_type.dtype, args.index_type.dtype, "max_pool2d", [&]<class T, class Index>() {
    for_each_plane(stream, in, out, [&]<int kLanes>(const PoolPlane& plane) {
      backward_plane<kLanes>(windows, static_cast<const T*>(args.dy) + plane.output,
                             static_cast<const Index*>(args.index) + plane.output,
                             static_cast<T*>(args.dx) + plane.input, in, out, plane);
    });
  });
}

const KernelRegistrar<MaxPool2dArgs> kForward(max_pool2d_forward, DeviceKind::cpu, forward);
const KernelRegistrar<MaxPool2dGradientArgs> kBackward(max_pool2d_backward, DeviceKind::cpu, backward);

}  // namespace
}  // namespace slipway::cpu
