#pragma once

#include "kernels/cuda/channel_partials.cuh"

namespace slipway::cuda {

// Something done to every element of [batch, channels, pixels] by what is known of its channel:
//   struct Map {
//     struct Channel;  Channel channel(int64 c) const;
//     template <int kWidth> void apply(int64 i, const Channel&) const;  // to the kWidth elements from i
//   };

/// map.apply<kWidth>(i, map.channel(c)) for all packs.
template <int kWidth, class Map>
__global__ void __launch_bounds__(kBlockThreads)
    map_packs(const Map map, const std::int64_t packs, const Divisor by_packs, const Divisor by_channels) {
  for (std::int64_t i = grid_thread(); i < packs; i += grid_threads()) {
    map.template apply<kWidth>(i * kWidth, map.channel(by_channels.remainder(by_packs.quotient(i))));
  }
}

/// The same for columns [channels, pixels] of few pixels: a thread has one of them, whose channel it looks up
/// once, in many images. Grid: x a warp's width of columns, y a part of the images.
template <class Map>
__global__ void __launch_bounds__(kWarpThreads* kColumnSlices)
    map_columns(const Map map, const std::int64_t batch, const std::int64_t part, const std::int64_t columns,
                const Divisor by_pixels) {
  const std::int64_t column = static_cast<std::int64_t>(blockIdx.x) * kWarpThreads + threadIdx.x;
  if (column >= columns) return;
  const auto channel = map.channel(by_pixels.quotient(column));
  const std::int64_t first = blockIdx.y * part, end = first + part < batch ? first + part : batch;
  for (std::int64_t image = first + threadIdx.y; image < end; image += kColumnSlices)
    map.template apply<1>(image * columns + column, channel);
}

template <class Map>
void apply_to_columns(const Stream& stream, const ChannelParts& parts, const Map& map) {
  constexpr std::int64_t kBlocks = 1024;     // enough for a device
  constexpr std::int64_t kLeast = 128;       // images that are worth the look-up
  constexpr std::int64_t kMostRows = 65535;  // of a grid
  const std::int64_t across = (parts.columns() + kWarpThreads - 1) / kWarpThreads;
  const std::int64_t part =
      std::max({kLeast, parts.batch * across / kBlocks, (parts.batch + kMostRows - 1) / kMostRows});
  const auto down = static_cast<unsigned>((parts.batch + part - 1) / part);
  launch(stream,
         {.grid = dim3(static_cast<unsigned>(across), down), .block = dim3(kWarpThreads, kColumnSlices)},
         map_columns<Map>, map, parts.batch, part, parts.columns(), Divisor(parts.pixels));
}

/// Enqueues it; kWidth neighbours of one channel may be accessed at once if `aligned`.
template <int kWidth, class Map>
void map_channels(const Stream& stream, const ChannelParts& parts, const Map& map, bool aligned) {
  const std::int64_t elements = parts.batch * parts.columns();
  if (elements == 0) return;
  const bool packs = aligned && parts.pixels % kWidth == 0;
  if (!packs && !parts.planes) {
    apply_to_columns(stream, parts, map);
    return;
  }
  const std::int64_t width = packs ? kWidth : 1;
  launch(stream, elementwise_shape(stream, elements / width),
         packs ? map_packs<kWidth, Map> : map_packs<1, Map>, map, elements / width,
         Divisor(parts.pixels / width), Divisor(parts.channels));
}

}  // namespace slipway::cuda
