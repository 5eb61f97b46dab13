#include <gtest/gtest.h>

#include "tests/kernels/simt/support.h"

// Kernels with seeded races. The comment at the end of a line marks where each is to be found.
namespace slipway::test {
namespace {

constexpr unsigned kAllLanes = 0xffffffffu;

// The tile is overwritten while slower threads still read it.
__global__ void multiply(const float* a, float* c, int n) {
  constexpr int kTile = 16;
  __shared__ float as[kTile][kTile];
  const int x = threadIdx.x, y = threadIdx.y;
  float sum = 0;
  for (int k0 = 0; k0 < n; k0 += kTile) {
    as[y][x] = a[(blockIdx.y * kTile + y) * n + k0 + x];  // bug: tile
    __syncthreads();
    for (int k = 0; k < kTile; ++k) {
      sum += as[y][k] * as[x][k];  // bug: tile
    }
  }
  c[y * kTile + x] = sum;
}

TEST(SimtRaces, NoBarrierBeforeTheNextTile) {
  expect_found({"race", __FILE__, "bug: tile"}, [] {
    const DeviceArray<float> in(noise(16 * 64)), out(256);
    run({1, dim3(16, 16)}, multiply, in.data(), out.data(), 64);
  });
}

__device__ float block_sum(float value, float* partial) {
  for (int offset = 16; offset > 0; offset /= 2) value += __shfl_xor_sync(kAllLanes, value, offset);
  if (threadIdx.x % 32 == 0) partial[threadIdx.x / 32] = value;  // bug: reuse
  __syncthreads();
  value = 0;
  for (unsigned i = 0; i < blockDim.x / 32; ++i) {
    value += partial[i];  // bug: reuse
  }
  return value;
}

__global__ void sum_twice(const float* x, float* y) {
  __shared__ float partial[8];
  const float sum = block_sum(x[threadIdx.x], partial);
  y[threadIdx.x] = sum + block_sum(2 * x[threadIdx.x], partial);
}

TEST(SimtRaces, SharedMemoryUsedAgainWithoutBarrier) {
  expect_found({"race", __FILE__, "bug: reuse"}, [] {
    const DeviceArray<float> in(noise(256)), out(256);
    run({1, 256}, sum_twice, in.data(), out.data());
  });
}

__global__ void swap_neighbours(const float* x, float* y) {
  __shared__ float s[256];
  s[threadIdx.x] = x[threadIdx.x];      // bug: syncwarp
  y[threadIdx.x] = s[threadIdx.x ^ 1];  // bug: syncwarp
}

TEST(SimtRaces, NoSyncwarpBetweenLanes) {
  // Where the neighbour comes later, what it is yet to write is read: that too is seen, as uninitialised.
  expect_found({"race", __FILE__, "bug: syncwarp"}, [] {
    const DeviceArray<float> in(noise(256)), out(256);
    run({1, 256}, swap_neighbours, in.data(), out.data());
  });
}

__global__ void sum_of_blocks(const float* x, float* y) {
  if (threadIdx.x == 0) *y += x[blockIdx.x];  // bug: accumulate
}

TEST(SimtRaces, BlocksAddWithoutAtomics) {
  expect_found({"race", __FILE__, "bug: accumulate"}, [] {
    const DeviceArray<float> in(noise(64)), out(zeros(1));
    run({64, 32}, sum_of_blocks, in.data(), out.data());
  });
}

__global__ void rotate(float* x) {
  const float value = x[(threadIdx.x + 1) % 64];  // bug: rotate
  x[threadIdx.x] = value;                         // bug: rotate
}

TEST(SimtRaces, DeviceMemoryRotatedInPlaceWithoutBarrier) {
  expect_found({"race", __FILE__, "bug: rotate"}, [] {
    const DeviceArray<float> data(noise(64));
    run({1, 64}, rotate, data.data());
  });
}

__global__ void write_twice(float* y) {
  y[threadIdx.x / 2] = static_cast<float>(threadIdx.x);  // bug: twice
}

TEST(SimtRaces, TwoThreadsWriteDifferentValues) {
  expect_found({"race", __FILE__, "bug: twice"}, [] {
    const DeviceArray<float> out(32);
    run({1, 64}, write_twice, out.data());
  });
}

__global__ void sum_last_block(const float* x, float* partial, unsigned* arrived, float* y) {
  __shared__ bool last;
  if (threadIdx.x == 0) {
    partial[blockIdx.x] = x[blockIdx.x];  // bug: fence
    last = atomicAdd(arrived, 1u) == gridDim.x - 1;
  }
  __syncthreads();
  if (!last || threadIdx.x != 0) return;
  float sum = 0;
  for (unsigned i = 0; i < gridDim.x; ++i) {
    sum += partial[i];  // bug: fence
  }
  *y = sum;
}

TEST(SimtRaces, LastBlockWithoutFence) {
  expect_found({"race", __FILE__, "bug: fence"}, [] {
    const DeviceArray<float> in(noise(8)), partial(8), out(1);
    const DeviceArray<unsigned> arrived(std::vector<unsigned>{0});
    run({8, 32}, sum_last_block, in.data(), partial.data(), arrived.data(), out.data());
  });
}

__global__ void count_plainly(const int* x, int* bins) {
  atomicAdd(&bins[x[threadIdx.x]], 1);  // bug: mixed
  if (threadIdx.x == 40) bins[0] = 7;   // bug: mixed
}

TEST(SimtRaces, PlainWriteAmongAtomics) {
  expect_found({"race", __FILE__, "bug: mixed"}, [] {
    const DeviceArray<int> in(std::vector<int>(64, 0)), bins(std::vector<int>(2, 0));
    run({1, 64}, count_plainly, in.data(), bins.data());
  });
}

// A warp needs no barrier of the block, but the next warp's results do.
__global__ void scan_of_warps(const int* x, int* y) {
  __shared__ int totals[8];
  const unsigned warp = threadIdx.x / 32;
  const int total = __reduce_add_sync(kAllLanes, x[threadIdx.x]);
  if (threadIdx.x % 32 == 0) totals[warp] = total;  // bug: totals
  __syncwarp();
  int before = 0;
  for (unsigned i = 0; i < warp; ++i) {
    before += totals[i];  // bug: totals
  }
  y[threadIdx.x] = before;
}

TEST(SimtRaces, SyncwarpWhereTheBlockMustMeet) {
  // Shared memory keeps what the last run left there: were it the same again, the write would be harmless.
  expect_found({"race", __FILE__, "bug: totals"}, [value = 0]() mutable {
    const DeviceArray<int> in(std::vector<int>(256, ++value)), out(256);
    run({1, 256}, scan_of_warps, in.data(), out.data());
  });
}

}  // namespace
}  // namespace slipway::test
