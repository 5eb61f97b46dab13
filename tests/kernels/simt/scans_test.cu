#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "tests/kernels/simt/support.h"

// Correct scans, votes and sorts.
namespace slipway::test {
namespace {

constexpr unsigned kAllLanes = 0xffffffffu;

std::vector<int> numbers(int count) {
  std::vector<int> result(count);
  for (int i = 0; i < count; ++i) result[i] = (i * 7919 + 13) % 101;
  return result;
}

std::vector<int> prefix_sums(const std::vector<int>& x) {
  std::vector<int> result(x.size());
  std::partial_sum(x.begin(), x.end(), result.begin());
  return result;
}

__global__ void scan_in_steps(const int* x, int* y) {
  __shared__ int s[256];
  s[threadIdx.x] = x[threadIdx.x];
  __syncthreads();
  for (unsigned offset = 1; offset < blockDim.x; offset *= 2) {
    const int before = threadIdx.x >= offset ? s[threadIdx.x - offset] : 0;
    __syncthreads();
    s[threadIdx.x] += before;
    __syncthreads();
  }
  y[threadIdx.x] = s[threadIdx.x];
}

TEST(SimtScans, InStepsWithTwoBarriers) {
  const auto x = numbers(256);
  expect_silent([&] {
    const DeviceArray<int> in(x), out(256);
    run({1, 256}, scan_in_steps, in.data(), out.data());
    EXPECT_EQ(out.values(), prefix_sums(x));
  });
}

__device__ int warp_scan(int value) {
  for (unsigned offset = 1; offset < 32; offset *= 2) {
    const int before = __shfl_up_sync(kAllLanes, value, offset);
    if (threadIdx.x % 32 >= offset) value += before;
  }
  return value;
}

__global__ void scan_of_warps(const int* x, int* y) {
  __shared__ int totals[32];
  const unsigned warp = threadIdx.x / 32;
  int value = warp_scan(x[threadIdx.x]);
  if (threadIdx.x % 32 == 31) totals[warp] = value;
  __syncthreads();
  if (warp == 0) totals[threadIdx.x] = warp_scan(threadIdx.x < blockDim.x / 32 ? totals[threadIdx.x] : 0);
  __syncthreads();
  y[threadIdx.x] = value + (warp ? totals[warp - 1] : 0);
}

TEST(SimtScans, OfWarpsThenOfTheirTotals) {
  const auto x = numbers(512);
  expect_silent([&] {
    const DeviceArray<int> in(x), out(512);
    run({1, 512}, scan_of_warps, in.data(), out.data());
    EXPECT_EQ(out.values(), prefix_sums(x));
  });
}

__global__ void keep_even(const int* x, int* y, int* count) {
  const unsigned lane = threadIdx.x % 32;
  const bool keep = x[threadIdx.x] % 2 == 0;
  const unsigned kept = __ballot_sync(kAllLanes, keep);
  int begin = 0;
  if (lane == 0) begin = atomicAdd(count, __popc(kept));
  begin = __shfl_sync(kAllLanes, begin, 0);
  if (keep) y[begin + __popc(kept & ((1u << lane) - 1))] = x[threadIdx.x];
}

TEST(SimtScans, CompactionByBallot) {
  const auto x = numbers(128);
  std::vector<int> even;
  std::copy_if(x.begin(), x.end(), std::back_inserter(even), [](int v) { return v % 2 == 0; });
  std::sort(even.begin(), even.end());
  expect_silent([&] {
    const DeviceArray<int> in(x), out(even.size()), count(std::vector<int>{0});
    run({1, 128}, keep_even, in.data(), out.data(), count.data());
    auto kept = out.values();
    std::sort(kept.begin(), kept.end());
    EXPECT_EQ(kept, even);
  });
}

__global__ void bitonic_sort(int* x) {
  __shared__ int s[256];
  const unsigned i = threadIdx.x;
  s[i] = x[i];
  for (unsigned size = 2; size <= blockDim.x; size *= 2) {
    for (unsigned distance = size / 2; distance > 0; distance /= 2) {
      __syncthreads();
      const unsigned j = i ^ distance;
      if (j > i && (s[i] > s[j]) == ((i & size) == 0)) {
        const int swapped = s[i];
        s[i] = s[j];
        s[j] = swapped;
      }
    }
  }
  __syncthreads();
  x[i] = s[i];
}

TEST(SimtScans, BitonicSort) {
  auto sorted = numbers(256);
  const auto x = sorted;
  std::sort(sorted.begin(), sorted.end());
  expect_silent([&] {
    const DeviceArray<int> data(x);
    run({1, 256}, bitonic_sort, data.data());
    EXPECT_EQ(data.values(), sorted);
  });
}

__global__ void votes(const int* x, int* y) {
  const int count = __syncthreads_count(x[threadIdx.x] > 50);
  const int any = __syncthreads_or(x[threadIdx.x] == 100), all = __syncthreads_and(x[threadIdx.x] < 101);
  y[threadIdx.x] = count * 100 + any * 10 + all;
}

TEST(SimtScans, VotesOfABlock) {
  const auto x = numbers(200);
  const auto above = std::count_if(x.begin(), x.end(), [](int v) { return v > 50; });
  const bool any = std::count(x.begin(), x.end(), 100) > 0;
  expect_silent([&] {
    const DeviceArray<int> in(x), out(200);
    run({1, 200}, votes, in.data(), out.data());
    EXPECT_EQ(out.values(), std::vector<int>(200, static_cast<int>(above) * 100 + any * 10 + 1));
  });
}

// Both halves of each warp go their own way, with masks that say so; those beyond the count have left.
__global__ void halves(const int* x, int* y, int count) {
  const int i = threadIdx.x, lane = i % 32;
  if (i >= count) return;
  int value = x[i];
  if (lane < 16) {
    value += __shfl_xor_sync(0x0000ffffu, value, 1);
  } else {
    value += __shfl_xor_sync(0xffff0000u, value, 8, 16);
  }
  y[i] = value + __any_sync(kAllLanes, lane == 5) + __all_sync(kAllLanes, lane >= 0);
}

TEST(SimtScans, HalvesOfAWarpApart) {
  const auto x = numbers(64);
  expect_silent([&] {
    const DeviceArray<int> in(x), out(64);
    run({1, 96}, halves, in.data(), out.data(), 64);
    for (int i = 0; i < 64; ++i) EXPECT_EQ(out.values()[i], x[i] + x[i % 32 < 16 ? i ^ 1 : i ^ 8] + 2);
  });
}

__global__ void count_equal(const int* x, int* y) {
  y[threadIdx.x] = __popc(__match_any_sync(kAllLanes, x[threadIdx.x]));
}

TEST(SimtScans, EqualLanes) {
  std::vector<int> x(32);
  for (int i = 0; i < 32; ++i) x[i] = i % 5;
  expect_silent([&] {
    const DeviceArray<int> in(x), out(32);
    run({1, 32}, count_equal, in.data(), out.data());
    for (int i = 0; i < 32; ++i) EXPECT_EQ(out.values()[i], std::count(x.begin(), x.end(), x[i]));
  });
}

__global__ void histogram(const int* x, int* y, int count) {
  __shared__ int bins[101];
  for (unsigned i = threadIdx.x; i < 101; i += blockDim.x) bins[i] = 0;
  __syncthreads();
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < count; i += gridDim.x * blockDim.x)
    atomicAdd(&bins[x[i]], 1);
  __syncthreads();
  for (unsigned i = threadIdx.x; i < 101; i += blockDim.x) atomicAdd(&y[i], bins[i]);
}

TEST(SimtScans, HistogramOfAtomics) {
  const auto x = numbers(2000);
  expect_silent([&] {
    const DeviceArray<int> in(x), out(std::vector<int>(101, 0));
    run({4, 64}, histogram, in.data(), out.data(), 2000);
    for (int value = 0; value < 101; ++value)
      EXPECT_EQ(out.values()[value], std::count(x.begin(), x.end(), value));
  });
}

}  // namespace
}  // namespace slipway::test
