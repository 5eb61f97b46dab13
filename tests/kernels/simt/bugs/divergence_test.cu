#include <gtest/gtest.h>

#include "tests/kernels/simt/support.h"

// Kernels whose threads fail to meet. The comment at the end of a line marks the place.
namespace slipway::test {
namespace {

constexpr unsigned kAllLanes = 0xffffffffu;

__global__ void two_barriers(const float* x, float* y) {
  __shared__ float s[64];
  s[threadIdx.x] = x[threadIdx.x];
  if (threadIdx.x < 32) {
    __syncthreads();  // bug: barriers
    y[threadIdx.x] = s[63 - threadIdx.x];
  } else {
    __syncthreads();  // bug: barriers
  }
}

TEST(SimtDivergence, BarrierInBothBranches) {
  expect_found({"divergent barrier", __FILE__, "bug: barriers"}, [] {
    const DeviceArray<float> in(noise(64)), out(64);
    run({1, 64}, two_barriers, in.data(), out.data());
  });
}

__global__ void shuffle_in_a_branch(const float* x, float* y) {
  float value = x[threadIdx.x];
  if (threadIdx.x < 16) {
    value += __shfl_xor_sync(kAllLanes, value, 1);  // bug: branch
  }
  __syncthreads();
  y[threadIdx.x] = value;
}

TEST(SimtDivergence, ShuffleThatHalfTheMaskNeverReaches) {
  expect_found({"deadlock", __FILE__, "bug: branch"}, [] {
    const DeviceArray<float> in(noise(32)), out(32);
    run({1, 32}, shuffle_in_a_branch, in.data(), out.data());
  });
}

TEST(SimtDivergence, ADeadlockTellsWhoWaitsWhere) {
  const WithSettings with({});
  const DeviceArray<float> in(noise(32)), out(32);
  run({1, 32}, shuffle_in_a_branch, in.data(), out.data());
  ASSERT_EQ(simt::findings().size(), 1u);
  const std::string message = simt::findings()[0].message;
  EXPECT_NE(message.find("16 wait at a barrier"), std::string::npos) << message;
  EXPECT_NE(message.find("16 wait at a warp operation with mask 0xffffffff"), std::string::npos) << message;
}

__global__ void shuffle_from_outside(const float* x, float* y) {
  float value = x[threadIdx.x];
  if (threadIdx.x < 16) {
    value += __shfl_xor_sync(0x0000ffffu, value, 16);  // bug: outside
  }
  y[threadIdx.x] = value;
}

TEST(SimtDivergence, ShuffleFromALaneOutsideTheMask) {
  expect_found({"shuffle from an inactive lane", __FILE__, "bug: outside"}, [] {
    const DeviceArray<float> in(noise(32)), out(32);
    run({1, 32}, shuffle_from_outside, in.data(), out.data());
  });
}

__global__ void shuffle_from_the_departed(const float* x, float* y) {
  if (threadIdx.x >= 24) return;
  y[threadIdx.x] = __shfl_sync(kAllLanes, x[threadIdx.x], 31);  // bug: departed
}

TEST(SimtDivergence, ShuffleFromALaneThatHasLeft) {
  expect_found({"shuffle from an inactive lane", __FILE__, "bug: departed"}, [] {
    const DeviceArray<float> in(noise(32)), out(32);
    run({1, 32}, shuffle_from_the_departed, in.data(), out.data());
  });
}

__global__ void wrong_mask(const float* x, float* y) {
  y[threadIdx.x] = __shfl_xor_sync(0x0000ffffu, x[threadIdx.x], 1);  // bug: mask
}

TEST(SimtDivergence, ALaneThatItsMaskLeavesOut) {
  expect_found({"bad warp mask", __FILE__, "bug: mask"}, [] {
    const DeviceArray<float> in(noise(32)), out(32);
    run({1, 32}, wrong_mask, in.data(), out.data());
  });
}

__global__ void different_masks(const float* x, float* y) {
  const unsigned mask = threadIdx.x < 16 ? 0x0001ffffu : 0xffff8000u;
  y[threadIdx.x] = __shfl_xor_sync(mask, x[threadIdx.x], 1);  // bug: masks
}

TEST(SimtDivergence, LanesThatDisagreeAboutTheMask) {
  expect_found({"deadlock", __FILE__, "bug: masks"}, [] {
    const DeviceArray<float> in(noise(32)), out(32);
    run({1, 32}, different_masks, in.data(), out.data());
  });
}

__global__ void warp_waits_for_block(const float* x, float* y) {
  if (threadIdx.x % 32 == 0) {
    __syncthreads();  // bug: waits
  } else {
    __syncwarp();  // bug: waits
  }
  y[threadIdx.x] = x[threadIdx.x];
}

TEST(SimtDivergence, SomeWaitForTheBlockAndSomeForTheWarp) {
  expect_found({"deadlock", __FILE__, "bug: waits"}, [] {
    const DeviceArray<float> in(noise(64)), out(64);
    run({1, 64}, warp_waits_for_block, in.data(), out.data());
  });
}

}  // namespace
}  // namespace slipway::test
