#pragma once

#include "kernels/cuda/block_reduce.cuh"
#include "kernels/cuda/elements.cuh"
#include "kernels/cuda/simt.cuh"

namespace slipway::cuda {

/// y[c] = Σ_{o, i} x[o, c, i], summed in the accumulator's type in a fixed order.
struct ChannelSumSizes {
  std::int64_t outer = 0, channels = 0, inner = 0;
};

/// One block a channel; for channels whose elements lie side by side.
template <class T>
__global__ void sum_each_channel(const T* x, T* y, const ChannelSumSizes sizes) {
  __shared__ AccumulatorOf<T> shared[kMostWarps];
  const std::int64_t channel = blockIdx.x;
  AccumulatorOf<T> sum = 0;
  for (std::int64_t o = 0; o < sizes.outer; ++o) {
    const T* row = x + (o * sizes.channels + channel) * sizes.inner;
    for (std::int64_t i = threadIdx.x; i < sizes.inner; i += blockDim.x) sum += to_accumulator(row[i]);
  }
  sum = block_sum(sum, shared);
  if (threadIdx.x == 0) y[channel] = from_accumulator<T>(sum);
}

/// 32 channels a block of 32 x 8 threads; for inner == 1, where neighbours are other channels.
template <class T>
__global__ void sum_columns(const T* x, T* y, const ChannelSumSizes sizes) {
  __shared__ AccumulatorOf<T> shared[8][33];
  const std::int64_t channel = std::int64_t{blockIdx.x} * 32 + threadIdx.x;
  AccumulatorOf<T> sum = 0;
  if (channel < sizes.channels) {
    for (std::int64_t o = threadIdx.y; o < sizes.outer; o += 8)
      sum += to_accumulator(x[o * sizes.channels + channel]);
  }
  shared[threadIdx.y][threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.y != 0 || channel >= sizes.channels) return;
  for (int lane = 1; lane < 8; ++lane) sum += shared[lane][threadIdx.x];
  y[channel] = from_accumulator<T>(sum);
}

template <class T>
void channel_sums(const Stream& stream, const T* x, T* y, const ChannelSumSizes& sizes) {
  const auto channels = static_cast<unsigned>(sizes.channels);
  if (sizes.inner == 1) {
    launch(stream, {.grid = dim3((channels + 31) / 32), .block = dim3(32, 8)}, sum_columns<T>, x, y, sizes);
  } else {
    launch(stream, {.grid = dim3(channels), .block = dim3(256)}, sum_each_channel<T>, x, y, sizes);
  }
}

}  // namespace slipway::cuda
