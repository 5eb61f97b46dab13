#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "tests/kernels/simt/support.h"

// Correct reductions, in the ways that kernels reduce.
namespace slipway::test {
namespace {

constexpr unsigned kAllLanes = 0xffffffffu;

__device__ float warp_sum(float value) {
  for (int offset = 16; offset > 0; offset /= 2) value += __shfl_xor_sync(kAllLanes, value, offset);
  return value;
}

__device__ float block_sum(float value, float* partial) {
  const unsigned warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  value = warp_sum(value);
  if (lane == 0) partial[warp] = value;
  __syncthreads();
  value = warp_sum(lane < blockDim.x / 32 ? partial[lane] : 0.0f);
  __syncthreads();
  return value;
}

float sum(const std::vector<float>& values) {
  return static_cast<float>(std::accumulate(values.begin(), values.end(), 0.0));
}

__global__ void sum_block(const float* x, float* y, int count) {
  __shared__ float partial[32];
  float total = 0;
  for (int i = threadIdx.x; i < count; i += blockDim.x) total += x[i];
  total = block_sum(total, partial);
  if (threadIdx.x == 0) *y = total;
}

TEST(SimtReductions, BlockSumOfShuffles) {
  const auto x = noise(1000);
  expect_silent([&] {
    const DeviceArray<float> in(x), out(1);
    run({1, 256}, sum_block, in.data(), out.data(), 1000);
    EXPECT_NEAR(out.values()[0], sum(x), 1e-4);
  });
}

__global__ void sum_tree(const float* x, float* y) {
  float* s = cuda::dynamic_shared<float>();
  s[threadIdx.x] = x[threadIdx.x];
  __syncthreads();
  for (unsigned half = blockDim.x / 2; half > 0; half /= 2) {
    if (threadIdx.x < half) s[threadIdx.x] += s[threadIdx.x + half];
    __syncthreads();
  }
  if (threadIdx.x == 0) *y = s[0];
}

TEST(SimtReductions, TreeInDynamicSharedMemory) {
  const auto x = noise(512);
  expect_silent([&] {
    const DeviceArray<float> in(x), out(1);
    run({1, 512, 512 * sizeof(float)}, sum_tree, in.data(), out.data());
    EXPECT_NEAR(out.values()[0], sum(x), 1e-4);
  });
}

__global__ void sum_warp(const float* x, float* y) {
  __shared__ float s[8][32];
  const unsigned warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  s[warp][lane] = x[blockIdx.x * blockDim.x + threadIdx.x];
  __syncwarp();
  for (unsigned half = 16; half > 0; half /= 2) {
    if (lane < half) s[warp][lane] += s[warp][lane + half];
    __syncwarp();
  }
  if (lane == 0) y[blockIdx.x * 8 + warp] = s[warp][0];
}

TEST(SimtReductions, WarpsInSharedMemoryWithoutBlockBarrier) {
  const auto x = noise(4 * 256);
  expect_silent([&] {
    const DeviceArray<float> in(x), out(32);
    run({4, 256}, sum_warp, in.data(), out.data());
    for (int warp = 0; warp < 32; ++warp) {
      EXPECT_NEAR(out.values()[warp], sum({x.begin() + warp * 32, x.begin() + warp * 32 + 32}), 1e-5);
    }
  });
}

__global__ void sum_last_block(const float* x, float* partial, unsigned* arrived, float* y, int count) {
  __shared__ float s[32];
  __shared__ bool last;
  float total = 0;
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < count; i += gridDim.x * blockDim.x) total += x[i];
  total = block_sum(total, s);
  if (threadIdx.x == 0) {
    partial[blockIdx.x] = total;
    __threadfence();
    last = atomicAdd(arrived, 1u) == gridDim.x - 1;
  }
  __syncthreads();
  if (!last) return;
  total = block_sum(threadIdx.x < gridDim.x ? partial[threadIdx.x] : 0.0f, s);
  if (threadIdx.x == 0) {
    *y = total;
    *arrived = 0;
  }
}

TEST(SimtReductions, LastBlockFinishes) {
  const auto x = noise(10000);
  expect_silent([&] {
    const DeviceArray<float> in(x), partial(20), out(1);
    const DeviceArray<unsigned> arrived(std::vector<unsigned>{0});
    run({20, 64}, sum_last_block, in.data(), partial.data(), arrived.data(), out.data(), 10000);
    EXPECT_NEAR(out.values()[0], sum(x), 1e-3);
    EXPECT_EQ(arrived.values()[0], 0u);
  });
}

__global__ void sum_atomic(const float* x, float* y) {
  __shared__ float total;
  if (threadIdx.x == 0) total = 0;
  __syncthreads();
  atomicAdd(&total, x[blockIdx.x * blockDim.x + threadIdx.x]);
  __syncthreads();
  if (threadIdx.x == 0) atomicAdd(y, total);
}

TEST(SimtReductions, AtomicsInSharedAndDeviceMemory) {
  const auto x = noise(1024);
  expect_silent([&] {
    const DeviceArray<float> in(x), out(zeros(1));
    run({8, 128}, sum_atomic, in.data(), out.data());
    EXPECT_NEAR(out.values()[0], sum(x), 1e-4);
  });
}

__global__ void softmax_rows(const float* x, float* y, int columns) {
  float* row = cuda::dynamic_shared<float>();
  __shared__ float partial[32];
  x += blockIdx.x * columns;
  y += blockIdx.x * columns;
  float largest = -INFINITY;
  for (int i = threadIdx.x; i < columns; i += blockDim.x) largest = fmaxf(largest, row[i] = x[i]);
  for (int offset = 16; offset > 0; offset /= 2) {
    largest = fmaxf(largest, __shfl_xor_sync(kAllLanes, largest, offset));
  }
  if (threadIdx.x % 32 == 0) partial[threadIdx.x / 32] = largest;
  __syncthreads();
  largest = partial[0];
  for (unsigned i = 1; i < blockDim.x / 32; ++i) largest = fmaxf(largest, partial[i]);
  __syncthreads();
  float total = 0;
  for (int i = threadIdx.x; i < columns; i += blockDim.x) total += row[i] = __expf(row[i] - largest);
  total = block_sum(total, partial);
  for (int i = threadIdx.x; i < columns; i += blockDim.x) y[i] = row[i] / total;
}

TEST(SimtReductions, SoftmaxOfRows) {
  constexpr int kRows = 5, kColumns = 200;
  const auto x = noise(kRows * kColumns);
  expect_silent([&] {
    const DeviceArray<float> in(x), out(x.size());
    run({kRows, 128, kColumns * sizeof(float)}, softmax_rows, in.data(), out.data(), kColumns);
    const auto y = out.values();
    for (int row = 0; row < kRows; ++row) {
      double total = 0;
      for (int i = 0; i < kColumns; ++i) total += std::exp(x[row * kColumns + i]);
      for (int i = 0; i < kColumns; ++i) {
        EXPECT_NEAR(y[row * kColumns + i], std::exp(x[row * kColumns + i]) / total, 1e-6);
      }
    }
  });
}

struct Moments {
  float mean, squares, count;
};

__device__ Moments combine(Moments a, Moments b) {
  const float count = a.count + b.count, difference = b.mean - a.mean;
  return {a.mean + difference * b.count / count,
          a.squares + b.squares + difference * difference * a.count * b.count / count, count};
}

__global__ void variance_of_rows(const float* x, float* y, int columns) {
  __shared__ Moments partial[32];
  const unsigned warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  Moments mine{x[blockIdx.x * columns + threadIdx.x], 0, 1};
  for (int i = threadIdx.x + blockDim.x; i < columns; i += blockDim.x) {
    mine = combine(mine, {x[blockIdx.x * columns + i], 0, 1});
  }
  for (int offset = 16; offset > 0; offset /= 2)
    mine = combine(mine, __shfl_down_sync(kAllLanes, mine, offset));
  if (lane == 0) partial[warp] = mine;
  __syncthreads();
  if (threadIdx.x != 0) return;
  for (unsigned i = 1; i < blockDim.x / 32; ++i) mine = combine(mine, partial[i]);
  y[blockIdx.x] = mine.squares / mine.count;
}

TEST(SimtReductions, WelfordOfRows) {
  constexpr int kRows = 3, kColumns = 300;
  const auto x = noise(kRows * kColumns);
  expect_silent([&] {
    const DeviceArray<float> in(x), out(kRows);
    run({kRows, 96}, variance_of_rows, in.data(), out.data(), kColumns);
    for (int row = 0; row < kRows; ++row) {
      const float* r = &x[row * kColumns];
      const double mean = std::accumulate(r, r + kColumns, 0.0) / kColumns;
      double squares = 0;
      for (int i = 0; i < kColumns; ++i) squares += (r[i] - mean) * (r[i] - mean);
      EXPECT_NEAR(out.values()[row], squares / kColumns, 1e-5);
    }
  });
}

__global__ void argmax(const float* x, int* y) {
  float best = x[threadIdx.x];
  int where = threadIdx.x;
  for (int offset = 16; offset > 0; offset /= 2) {
    const float other = __shfl_down_sync(kAllLanes, best, offset);
    const int other_where = __shfl_down_sync(kAllLanes, where, offset);
    if (other > best || (other == best && other_where < where)) best = other, where = other_where;
  }
  if (threadIdx.x == 0) *y = where;
}

TEST(SimtReductions, ArgmaxOfAWarp) {
  const auto x = noise(32);
  expect_silent([&] {
    const DeviceArray<float> in(x);
    const DeviceArray<int> out(1);
    run({1, 32}, argmax, in.data(), out.data());
    EXPECT_EQ(out.values()[0], std::max_element(x.begin(), x.end()) - x.begin());
  });
}

__global__ void reduce_integers(const int* x, int* y) {
  y[threadIdx.x] = __reduce_add_sync(kAllLanes, x[threadIdx.x]) +
                   1000 * __reduce_max_sync(kAllLanes, x[threadIdx.x]) +
                   1000000 * __reduce_min_sync(kAllLanes, x[threadIdx.x]);
}

TEST(SimtReductions, OfIntegersByTheWarp) {
  std::vector<int> x(32);
  std::iota(x.begin(), x.end(), 3);
  expect_silent([&] {
    const DeviceArray<int> in(x), out(32);
    run({1, 32}, reduce_integers, in.data(), out.data());
    EXPECT_EQ(out.values(), std::vector<int>(32, (3 + 34) * 16 + 1000 * 34 + 1000000 * 3));
  });
}

}  // namespace
}  // namespace slipway::test
