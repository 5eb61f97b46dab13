#include <array>

#include "kernels/cpu/channel_groups.h"
#include "kernels/cpu/float_types.h"
#include "kernels/cpu/parallel.h"
#include "kernels/pool2d.h"

namespace slipway::cpu {
namespace {

/// Calls plane(n, group, offset of the plane in x, index of its first channel in [batch, channels]).
template <class Plane>
void for_each_plane(const Stream& stream, const ChannelGroups& in, Plane&& plane) {
  parallel_each(stream, in.batch * in.groups, [&](std::int64_t i) {
    const std::int64_t n = i / in.groups, group = i % in.groups;
    plane(group, in.offset(n, group), n * in.channels + group * in.lanes);
  });
}

void average(const Stream& stream, const GlobalAvgPoolArgs& args) {
  const ChannelGroups in(args.x_type, "global_avg_pool");
  visit_float(args.x_type.dtype, "global_avg_pool", [&]<class T>() {
    for_each_plane(stream, in, [&](std::int64_t group, std::int64_t offset, std::int64_t channel) {
      const T* x = static_cast<const T*>(args.from) + offset;
      T* y = static_cast<T*>(args.to) + channel;
      if (in.lanes == 1) {
        T sum = 0;
#pragma omp simd reduction(+ : sum)
        for (std::int64_t i = 0; i < in.pixels; ++i) sum += x[i];
        *y = sum / static_cast<T>(in.pixels);
        return;
      }
      std::array<T, ChannelGroups::kLanes> sum{};
      const int lanes = in.used_lanes(group);
      for (std::int64_t i = 0; i < in.pixels; ++i) {
        const T* from = x + i * in.pixel_stride;
        for (int l = 0; l < lanes; ++l) sum[l] += from[l];
      }
      for (int l = 0; l < lanes; ++l) y[l] = sum[l] / static_cast<T>(in.pixels);
    });
  });
}

void average_gradient(const Stream& stream, const GlobalAvgPoolArgs& args) {
  const ChannelGroups in(args.x_type, "global_avg_pool");
  visit_float(args.x_type.dtype, "global_avg_pool", [&]<class T>() {
    for_each_plane(stream, in, [&](std::int64_t group, std::int64_t offset, std::int64_t channel) {
      T* dx = static_cast<T*>(args.to) + offset;
      const T* dy = static_cast<const T*>(args.from) + channel;
      std::array<T, ChannelGroups::kLanes> share{};  // zero in the padding
      for (int l = 0; l < in.used_lanes(group); ++l) share[l] = dy[l] / static_cast<T>(in.pixels);
      const int stored = in.stored_lanes(group);
      for (std::int64_t i = 0; i < in.pixels; ++i) {
        T* to = dx + i * in.pixel_stride;
        if (in.lanes == 1)
          *(dx + i) = share[0];
        else
          std::copy_n(share.begin(), stored, to);
      }
    });
  });
}

void maximum(const Stream& stream, const GlobalMaxPoolArgs& args) {
  const ChannelGroups in(args.x_type, "global_max_pool");
  visit_float(args.x_type.dtype, "global_max_pool", [&]<class T>() {
    for_each_plane(stream, in, [&](std::int64_t group, std::int64_t offset, std::int64_t channel) {
      const T* x = static_cast<const T*>(args.x) + offset;
      const std::int64_t step = in.lanes == 1 ? 1 : in.pixel_stride;
      for (int l = 0; l < in.used_lanes(group); ++l) {
        T best = x[l];
        std::int64_t place = 0;
        for (std::int64_t i = 1; i < in.pixels; ++i) {
          if (!(x[i * step + l] <= best) && best == best)
            best = x[i * step + l], place = i;  // the first NaN stays
        }
        static_cast<T*>(args.y)[channel + l] = best;
        args.index[channel + l] = static_cast<std::int32_t>(place);
      }
    });
  });
}

void maximum_gradient(const Stream& stream, const GlobalMaxPoolGradientArgs& args) {
  const ChannelGroups in(args.x_type, "global_max_pool");
  visit_float(args.x_type.dtype, "global_max_pool", [&]<class T>() {
    for_each_plane(stream, in, [&](std::int64_t group, std::int64_t offset, std::int64_t channel) {
      T* dx = static_cast<T*>(args.dx) + offset;
      const std::int64_t step = in.lanes == 1 ? 1 : in.pixel_stride;
      for (std::int64_t i = 0; i < in.pixels; ++i) std::fill_n(dx + i * step, in.stored_lanes(group), T(0));
      for (int l = 0; l < in.used_lanes(group); ++l) {
        dx[args.index[channel + l] * step + l] = static_cast<const T*>(args.dy)[channel + l];
      }
    });
  });
}

const KernelRegistrar<GlobalAvgPoolArgs> kAverage(global_avg_pool_forward, DeviceKind::cpu, average);
const KernelRegistrar<GlobalAvgPoolArgs> kAverageGradient(global_avg_pool_backward, DeviceKind::cpu,
                                                          average_gradient);
const KernelRegistrar<GlobalMaxPoolArgs> kMaximum(global_max_pool_forward, DeviceKind::cpu, maximum);
const KernelRegistrar<GlobalMaxPoolGradientArgs> kMaximumGradient(global_max_pool_backward, DeviceKind::cpu,
                                                                  maximum_gradient);

}  // namespace
}  // namespace slipway::cpu
