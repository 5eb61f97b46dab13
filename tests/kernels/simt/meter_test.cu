#include <gtest/gtest.h>

#include <algorithm>

#include "kernels/simt/meter.h"
#include "tests/kernels/simt/support.h"

// Patterns whose cost is known.
namespace slipway::test {
namespace {

/// What `kernels` move, all of them together.
KernelTraffic measure(const std::function<void()>& kernels) {
  const WithSettings with({.meter = true});
  simt::clear_meter();
  kernels();
  const auto all = simt::meter();
  EXPECT_EQ(all.size(), 1u);
  EXPECT_TRUE(simt::findings().empty());
  return all.empty() ? KernelTraffic{} : all.front();
}

__global__ void copy(const float* x, float* y, int stride) {
  const int i = (blockIdx.x * blockDim.x + threadIdx.x) * stride;
  y[i] = x[i];
}

KernelTraffic measure_copy(int stride) {
  return measure([stride] {
    const DeviceArray<float> in(noise(256 * stride)), out(256 * stride);
    run({2, 128}, copy, in.data(), out.data(), stride);
  });
}

TEST(SimtMeter, NeighbouringFloatsUseWholeSectors) {
  const auto traffic = measure_copy(1);
  EXPECT_NE(traffic.kernel.find("copy"), std::string::npos);
  EXPECT_EQ(traffic.launches, 1u);
  EXPECT_EQ(traffic.bytes_read, 1024u);
  EXPECT_EQ(traffic.bytes_written, 1024u);
  EXPECT_EQ(traffic.distinct_bytes_read, 1024u);
  EXPECT_EQ(traffic.distinct_bytes_written, 1024u);
  EXPECT_EQ(traffic.sectors, 64u);
  EXPECT_EQ(traffic.sector_use(), 1.0);
  EXPECT_EQ(traffic.divergence(), 0.0);
}

TEST(SimtMeter, EverySecondFloatUsesHalfOfASector) { EXPECT_EQ(measure_copy(2).sector_use(), 0.5); }

TEST(SimtMeter, EveryEighthFloatUsesAnEighthOfASector) { EXPECT_EQ(measure_copy(8).sector_use(), 0.125); }

__global__ void copy_vectors(const float4* x, float4* y) { y[threadIdx.x] = x[threadIdx.x]; }

TEST(SimtMeter, AVectorIsOneAccess) {
  const auto traffic = measure([] {
    const DeviceArray<float> in(noise(256)), out(256);
    run({1, 64}, copy_vectors, reinterpret_cast<const float4*>(in.data()),
        reinterpret_cast<float4*>(out.data()));
  });
  EXPECT_EQ(traffic.bytes_read, 1024u);
  EXPECT_EQ(traffic.sectors, 64u);
  EXPECT_EQ(traffic.sector_use(), 1.0);
  EXPECT_EQ(traffic.lanes, 2u * 64);
}

__global__ void read_twice(const float* x, float* y) {
  const volatile float* again = x;
  y[threadIdx.x] = again[threadIdx.x] + again[threadIdx.x];
}

TEST(SimtMeter, WhatIsReadAgainIsNotDistinct) {
  const auto traffic = measure([] {
    const DeviceArray<float> in(noise(64)), out(64);
    run({1, 64}, read_twice, in.data(), out.data());
  });
  EXPECT_EQ(traffic.bytes_read, 512u);
  EXPECT_EQ(traffic.distinct_bytes_read, 256u);
}

__global__ void read_in_turns(const float* x, float* y, int turns, int stride) {
  float sum = 0;
  for (int turn = 0; turn < turns; ++turn) {
    for (int i = 0; i < stride; ++i) sum += x[i * blockDim.x + threadIdx.x];
  }
  y[blockIdx.x * blockDim.x + threadIdx.x] = sum;
}

/// Bytes that a block of 64 threads moves when it reads `floats` of them twice, besides its 256 of results.
std::uint64_t moved_by_reading_twice(int floats) {
  return measure([floats] {
           const DeviceArray<float> in(noise(static_cast<std::size_t>(floats))), out(64);
           run({1, 64}, read_in_turns, in.data(), out.data(), 2, floats / 64);
         }).moved_bytes() -
         256;
}

// 64 of 2048 threads have a share of 4 KiB of the cache.
TEST(SimtMeter, WhatTheCacheHoldsMovesOnce) { EXPECT_EQ(moved_by_reading_twice(1024), 4096u); }

TEST(SimtMeter, WhatItCannotHoldMovesAgain) {
  EXPECT_EQ(moved_by_reading_twice(1024 + 64), 2 * (4096u + 256));
}

TEST(SimtMeter, ABlockFindsWhatTheOneBeforeRead) {
  const auto traffic = measure([] {
    const DeviceArray<float> in(noise(64)), out(3 * 64);
    run({3, 64}, read_in_turns, in.data(), out.data(), 1, 1);
  });
  EXPECT_EQ(traffic.moved_bytes(), 256u + 3 * 256);
  EXPECT_EQ(traffic.distinct_bytes(), 256u + 3 * 256);
  EXPECT_EQ(traffic.block_threads, 64u);
}

__global__ void write_again(float* y) {
  volatile float* again = y;
  again[threadIdx.x] = 1.0f;
  again[threadIdx.x] = 2.0f;
}

TEST(SimtMeter, EveryWriteMoves) {
  const auto traffic = measure([] {
    const DeviceArray<float> out(64);
    run({1, 64}, write_again, out.data());
  });
  EXPECT_EQ(traffic.moved_bytes(), 2 * 256u);
  EXPECT_EQ(traffic.distinct_bytes(), 256u);
}

__global__ void count_in(int* counts, int stride) { atomicAdd(&counts[threadIdx.x % 4 * stride], 1); }

/// 16 additions to each of four counts.
KernelTraffic measure_counting(int stride) {
  return measure([stride] {
    const DeviceArray<int> counts(std::vector<int>(static_cast<std::size_t>(4 * stride)));
    run({1, 64}, count_in, counts.data(), stride);
  });
}

TEST(SimtMeter, AtomicUpdatesNeedWholeSectorsOnce) {
  EXPECT_EQ(measure_counting(1).distinct_bytes(), 32u);
  EXPECT_EQ(measure_counting(8).distinct_bytes(), 4 * 32u);
}

__global__ void copy_bytes(const unsigned char* x, unsigned char* y) { y[threadIdx.x] = x[threadIdx.x]; }

TEST(SimtMeter, BytesSideBySideAreDistinct) {
  const auto traffic = measure([] {
    const DeviceArray<unsigned char> in(std::vector<unsigned char>(64, 1)), out(64);
    run({1, 64}, copy_bytes, in.data(), out.data());
  });
  EXPECT_EQ(traffic.distinct_bytes_read, 64u);
  EXPECT_EQ(traffic.distinct_bytes_written, 64u);
  EXPECT_EQ(traffic.sector_use(), 1.0);
}

template <int kColumns>
__global__ void write_columns(float* y) {
  __shared__ float tile[32][kColumns];
  for (int column = 0; column < 32; ++column) tile[threadIdx.x][column] = static_cast<float>(column);
  __syncthreads();
  y[threadIdx.x] = tile[threadIdx.x][0];
}

template <int kColumns>
double ways_of_columns() {
  return measure([] {
           const DeviceArray<float> out(32);
           run({1, 32}, write_columns<kColumns>, out.data());
         })
      .bank_ways();
}

TEST(SimtMeter, AColumnOfATileIsInOneBank) { EXPECT_EQ(ways_of_columns<32>(), 32.0); }

TEST(SimtMeter, PaddingSpreadsAColumnOverTheBanks) { EXPECT_EQ(ways_of_columns<33>(), 1.0); }

TEST(SimtMeter, TwoColumnsOfPaddingLeaveTwoWays) { EXPECT_EQ(ways_of_columns<34>(), 2.0); }

__global__ void broadcast(float* y) {
  __shared__ float s[32];
  s[threadIdx.x] = 1.0f;
  __syncthreads();
  float sum = 0;
  for (int i = 0; i < 32; ++i) sum += s[i];
  y[threadIdx.x] = sum;
}

TEST(SimtMeter, LanesShareAWord) {
  const auto traffic = measure([] {
    const DeviceArray<float> out(32);
    run({1, 32}, broadcast, out.data());
  });
  EXPECT_EQ(traffic.bank_ways(), 1.0);
  EXPECT_EQ(traffic.bank_steps, 33u);
}

__global__ void vectors_in_shared(float4* y) {
  __shared__ __align__(16) float4 s[32];
  s[threadIdx.x] = make_float4(1, 2, 3, 4);
  __syncthreads();
  y[threadIdx.x] = s[31 - threadIdx.x];
}

TEST(SimtMeter, VectorsTakeAQuarterOfAWarpAStep) {
  const auto traffic = measure([] {
    const DeviceArray<float> out(128);
    run({1, 32}, vectors_in_shared, reinterpret_cast<float4*>(out.data()));
  });
  EXPECT_EQ(traffic.bank_ways(), 1.0);
  EXPECT_EQ(traffic.bank_steps, 8u);
}

__global__ void half_idle(float* y) {
  if (threadIdx.x % 2 == 0) y[threadIdx.x] = 1.0f;
}

TEST(SimtMeter, EverySecondLaneIdle) {
  const auto traffic = measure([] {
    const DeviceArray<float> out(64);
    run({1, 64}, half_idle, out.data());
  });
  EXPECT_EQ(traffic.divergence(), 0.5);
}

TEST(SimtMeter, AShortWarpIsNotDivergent) {
  const auto traffic = measure([] {
    const DeviceArray<float> in(noise(40)), out(40);
    run({1, 40}, copy, in.data(), out.data(), 1);
  });
  EXPECT_EQ(traffic.divergence(), 0.0);
}

}  // namespace
}  // namespace slipway::test
