#include <limits>

#include "kernels/cpu/channel_groups.h"
#include "kernels/cpu/float_types.h"
#include "kernels/cpu/parallel.h"
#include "kernels/cpu/pool_windows.h"
#include "kernels/pool2d.h"

namespace slipway::cpu {
namespace {

template <class Args>
PoolWindows windows(const Args& args) {
  return {{args.x_type.shape[2], args.x_type.shape[3]},
          {args.y_type.shape[2], args.y_type.shape[3]},
          args.kernel,
          args.window};
}

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

/// One plane of one group of channels; kLanes is 0 where `lanes` is not known in advance.
template <int kLanes, class T, class Index>
void forward_plane(const PoolWindows& windows, const T* x, T* y, Index* index, const ChannelGroups& in,
                   const ChannelGroups& out, int stored, int used) {
  const int lanes = kLanes ? kLanes : stored;
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
        for (int l = used; l < lanes; ++l) places[l] = 0;  // padding stays zero
      });
}

void forward(const Stream& stream, const MaxPool2dArgs& args) {
  const ChannelGroups in(args.x_type, "max_pool2d"), out(args.y_type, "max_pool2d");
  const PoolWindows shape = windows(args);
  visit_types(args.x_type.dtype, args.index_type.dtype, "max_pool2d", [&]<class T, class Index>() {
    parallel_each(stream, in.batch * in.groups, [&](std::int64_t i) {
      const std::int64_t n = i / in.groups, group = i % in.groups;
      const int stored = in.stored_lanes(group);
      const std::int64_t to = out.offset(n, group);
      visit_lanes(stored, [&]<int kLanes>() {
        forward_plane<kLanes>(shape, static_cast<const T*>(args.x) + in.offset(n, group),
                              static_cast<T*>(args.y) + to, static_cast<Index*>(args.index) + to, in, out,
                              stored, in.used_lanes(group));
      });
    });
  });
}

template <int kLanes, class T, class Index>
void backward_plane(const PoolWindows& windows, const T* dy, const Index* index, T* dx,
                    const ChannelGroups& in, const ChannelGroups& out, int stored) {
  const int lanes = kLanes ? kLanes : stored;
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
  const PoolWindows shape = windows(args);
  visit_types(args.x_type.dtype, args.index_type.dtype, "max_pool2d", [&]<class T, class Index>() {
    parallel_each(stream, in.batch * in.groups, [&](std::int64_t i) {
      const std::int64_t n = i / in.groups, group = i % in.groups;
      const int stored = in.stored_lanes(group);
      const std::int64_t from = out.offset(n, group);
      visit_lanes(stored, [&]<int kLanes>() {
        backward_plane<kLanes>(shape, static_cast<const T*>(args.dy) + from,
                               static_cast<const Index*>(args.index) + from,
                               static_cast<T*>(args.dx) + in.offset(n, group), in, out, stored);
      });
    });
  });
}

const KernelRegistrar<MaxPool2dArgs> kForward(max_pool2d_forward, DeviceKind::cpu, forward);
const KernelRegistrar<MaxPool2dGradientArgs> kBackward(max_pool2d_backward, DeviceKind::cpu, backward);

}  // namespace
}  // namespace slipway::cpu
