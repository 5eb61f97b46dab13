#pragma once

#include "kernels/cuda/block_reduce.cuh"
#include "kernels/cuda/divisor.cuh"
#include "kernels/cuda/elements.cuh"

namespace slipway::cuda {

// Something summed over all axes but the second of [batch, channels, pixels], in two passes: each block sums
// a part of the batch, then a warp a channel combines the parts. What is summed is said by
//   struct Terms {
//     using State = ...;  using Combine = ...;             // a sum so far; how two become one
//     template <int kWidth> void add(State&, int64 i, int64 channel);  // the kWidth elements from i, of one
//     channel
//   };

/// How the elements are shared out: by the sizes alone, so that sums have the same bits on every device.
struct ChannelParts {
  ChannelParts(std::int64_t batch, std::int64_t channels, std::int64_t pixels)
      : batch(batch), channels(channels), pixels(pixels), planes(pixels >= kWarpThreads) {
    constexpr std::int64_t kBlocks = 512;     // enough for a device
    constexpr std::int64_t kElements = 2048;  // enough for a block, of one channel
    const std::int64_t blocks = planes ? channels : (columns() + kWarpThreads - 1) / kWarpThreads;
    const std::int64_t least = planes ? (kElements + pixels - 1) / pixels : kElements / kWarpThreads;
    const std::int64_t wanted = (kBlocks + blocks - 1) / std::max<std::int64_t>(1, blocks);
    images = std::max({std::int64_t{1}, least, (batch + wanted - 1) / std::max<std::int64_t>(1, wanted)});
    parts = std::max<std::int64_t>(1, (batch + images - 1) / images);
  }
  std::int64_t columns() const { return channels * pixels; }
  std::int64_t results_per_channel() const { return planes ? 1 : pixels; }
  /// States of all parts, [parts, channels, results per channel].
  std::int64_t states() const { return parts * channels * results_per_channel(); }

  std::int64_t batch, channels, pixels;
  bool planes;  // a channel of an image is worth a warp; else every column of an image is summed by itself
  std::int64_t images = 0, parts = 0;
};

/// Sums in memory that every member has an array of its own in, so that neighbours lie side by side.
template <class State>
struct SumArrays {
  using Member = std::conditional_t<std::is_arithmetic_v<State>, State,
                                    std::conditional_t<alignof(State) == sizeof(double), double, float>>;
  static constexpr int kMembers = sizeof(State) / sizeof(Member);
  Member* data;  // [kMembers, count]
  std::int64_t count;

  __device__ void store(std::int64_t i, const State& state) const {
    Member* to = data + i;
    exchange_lanes(state, [&](Member value) {
      *to = value;
      to += count;
      return value;
    });
  }
  __device__ State load(std::int64_t i) const {
    const Member* from = data + i;
    return exchange_lanes(State{}, [&](Member) {
      const Member value = *from;
      from += count;
      return value;
    });
  }
};

/// Grid: x a channel, y a part.
template <int kWidth, class Terms>
__global__ void __launch_bounds__(kBlockThreads)
    sum_planes(const Terms terms, const ChannelParts parts, const Divisor by_packs,
               const SumArrays<typename Terms::State> partial) {
  using State = typename Terms::State;
  __shared__ State shared[kMostWarps];
  const std::int64_t packs = parts.pixels / kWidth, channel = blockIdx.x;
  const std::int64_t first = blockIdx.y * parts.images, left = parts.batch - first;
  const std::int64_t count = (left < parts.images ? left : parts.images) * packs;
  State sum{};
  for (std::int64_t i = threadIdx.x; i < count; i += kBlockThreads) {
    const std::int64_t image = by_packs.quotient(i), pixel = by_packs.remainder(i, image) * kWidth;
    terms.template add<kWidth>(sum, ((first + image) * parts.channels + channel) * parts.pixels + pixel,
                               channel);
  }
  sum = team_reduce(sum, typename Terms::Combine(), shared);
  if (threadIdx.x == 0) partial.store(blockIdx.y * parts.channels + channel, sum);
}

inline constexpr int kColumnSlices = 8;

/// Grid: x a warp's width of columns [channels, pixels], y a part.
template <class Terms>
__global__ void __launch_bounds__(kWarpThreads* kColumnSlices)
    sum_columns(const Terms terms, const ChannelParts parts, const Divisor by_pixels,
                const SumArrays<typename Terms::State> partial) {
  using State = typename Terms::State;
  using Sums = SumArrays<State>;
  constexpr int kThreads = kColumnSlices * kWarpThreads;
  __shared__ typename Sums::Member shared[Sums::kMembers * kThreads];
  const std::int64_t columns = parts.channels * parts.pixels;
  const std::int64_t column = static_cast<std::int64_t>(blockIdx.x) * kWarpThreads + threadIdx.x;
  const std::int64_t first = blockIdx.y * parts.images, end = first + parts.images;
  State sum{};
  if (column < columns) {
    const std::int64_t channel = by_pixels.quotient(column);
    for (std::int64_t image = first + threadIdx.y; image < end && image < parts.batch;
         image += kColumnSlices) {
      terms.template add<1>(sum, image * columns + column, channel);
    }
  }
  const Sums of_slices{shared, kThreads};
  of_slices.store(threadIdx.y * kWarpThreads + threadIdx.x, sum);
  __syncthreads();
  if (threadIdx.y != 0 || column >= columns) return;
  for (int slice = 1; slice < kColumnSlices; ++slice) {
    sum = typename Terms::Combine()(sum, of_slices.load(slice * kWarpThreads + threadIdx.x));
  }
  partial.store(blockIdx.y * columns + column, sum);
}

/// kLanes threads a channel, one or a warp: finish(channel, sum).
// Left to itself, ptxas spills registers to fit more blocks: so many are enough.
template <int kLanes, class Terms, class Finish>
__global__ void __launch_bounds__(kBlockThreads, 4)
    finish_channels(const ChannelParts parts, const std::int64_t per_channel, const Finish finish,
                    const SumArrays<typename Terms::State> partial) {
  const std::int64_t channel = grid_thread() / kLanes, lane = threadIdx.x % kLanes;
  if (channel >= parts.channels) return;
  typename Terms::State sum{};
  for (std::int64_t i = lane; i < parts.parts * per_channel; i += kLanes) {
    const std::int64_t part = i / per_channel, place = i % per_channel;
    sum =
        typename Terms::Combine()(sum, partial.load((part * parts.channels + channel) * per_channel + place));
  }
  if constexpr (kLanes > 1) sum = warp_reduce(sum, typename Terms::Combine());
  if (lane == 0) finish(channel, sum);
}

/// Enqueues the second pass.
template <class Terms, class Finish>
void finish_sums(const Stream& stream, const ChannelParts& parts, const Finish& finish,
                 const SumArrays<typename Terms::State>& partial) {
  const std::int64_t per_channel = parts.columns() > 0 ? parts.results_per_channel() : 0;
  const auto finish_by = [&](auto kernel, std::int64_t lanes) {
    const std::int64_t blocks = (parts.channels * lanes + kBlockThreads - 1) / kBlockThreads;
    launch(stream, {.grid = dim3(static_cast<unsigned>(blocks)), .block = dim3(kBlockThreads)}, kernel, parts,
           per_channel, finish, partial);
  };
  constexpr std::int64_t kFew = 16;  // sums of a channel that a thread adds up alone
  if (per_channel == 1 && parts.parts <= kFew)
    finish_by(finish_channels<1, Terms, Finish>, 1);
  else
    finish_by(finish_channels<kWarpThreads, Terms, Finish>, kWarpThreads);
}

/// Enqueues both passes; kWidth neighbours of one channel may be read at once if `aligned`.
template <int kWidth, class Terms, class Finish>
void sum_channels(const Stream& stream, const ChannelParts& parts, const Terms& terms, const Finish& finish,
                  bool aligned, std::byte* scratch) {
  using Sums = SumArrays<typename Terms::State>;
  const Sums partial{reinterpret_cast<typename Sums::Member*>(scratch), parts.states()};
  const auto part_count = static_cast<unsigned>(parts.parts);
  if (parts.planes) {
    const bool packs = aligned && parts.pixels % kWidth == 0;
    const std::int64_t width = packs ? kWidth : 1;
    launch(stream,
           {.grid = dim3(static_cast<unsigned>(parts.channels), part_count), .block = dim3(kBlockThreads)},
           packs ? sum_planes<kWidth, Terms> : sum_planes<1, Terms>, terms, parts,
           Divisor(parts.pixels / width), partial);
  } else if (parts.columns() > 0) {
    const auto blocks = static_cast<unsigned>((parts.columns() + kWarpThreads - 1) / kWarpThreads);
    launch(stream, {.grid = dim3(blocks, part_count), .block = dim3(kWarpThreads, kColumnSlices)},
           sum_columns<Terms>, terms, parts, Divisor(parts.pixels), partial);
  }
  finish_sums<Terms>(stream, parts, finish, partial);
}

}  // namespace slipway::cuda
