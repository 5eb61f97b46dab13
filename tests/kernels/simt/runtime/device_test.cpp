#include <cstring>
#include <set>

#include "tests/kernels/simt/runtime/support.h"

// Expectations are the documentation's of the functions in cuda_runtime_api.h; what is quoted is from there.
namespace slipway::test {
namespace {

using SimulatedDevice = SimulatedRuntime;

TEST_F(SimulatedDevice, CountsAsManyAsTheSettingsSay) {
  restart_with({.devices = 3});
  int count = 0;
  ok(cudaGetDeviceCount(&count));
  EXPECT_EQ(count, 3);
}

TEST_F(SimulatedDevice, NoDeviceIsAnError) {
  restart_with({.devices = 0});
  int count = -1;
  EXPECT_EQ(cudaGetDeviceCount(&count), cudaErrorNoDevice);
  EXPECT_EQ(count, 0);
  void* memory = nullptr;
  EXPECT_EQ(cudaMalloc(&memory, 16), cudaErrorNoDevice);
  EXPECT_EQ(cudaSetDevice(0), cudaErrorInvalidDevice);
}

TEST_F(SimulatedDevice, EachThreadHasACurrentDevice) {
  int device = -1;
  ok(cudaGetDevice(&device));
  EXPECT_EQ(device, 0);
  ok(cudaSetDevice(1));
  ok(cudaGetDevice(&device));
  EXPECT_EQ(device, 1);
  int of_other_thread = -1;
  std::thread([&] { ok(cudaGetDevice(&of_other_thread)); }).join();
  EXPECT_EQ(of_other_thread, 0);
  EXPECT_EQ(cudaSetDevice(2), cudaErrorInvalidDevice);
  EXPECT_EQ(cudaSetDevice(-1), cudaErrorInvalidDevice);
}

TEST_F(SimulatedDevice, PropertiesAgreeWithAttributes) {
  cudaDeviceProp properties;
  ok(cudaGetDeviceProperties(&properties, 0));
  EXPECT_STREQ(properties.name, "Simulated GPU");
  EXPECT_EQ(properties.warpSize, 32);
  EXPECT_EQ(properties.multiProcessorCount, 108);
  EXPECT_EQ(properties.major, 8);
  EXPECT_EQ(properties.minor, 0);
  EXPECT_EQ(properties.sharedMemPerBlock, 48u << 10);
  EXPECT_EQ(properties.sharedMemPerBlockOptin, 227u << 10);
  EXPECT_EQ(properties.totalGlobalMem, simt::settings().device_bytes);

  int value = 0;
  ok(cudaDeviceGetAttribute(&value, cudaDevAttrMultiProcessorCount, 0));
  EXPECT_EQ(value, 108);
  ok(cudaDeviceGetAttribute(&value, cudaDevAttrMaxSharedMemoryPerBlockOptin, 1));
  EXPECT_EQ(value, 227 << 10);
  EXPECT_EQ(cudaDeviceGetAttribute(&value, cudaDevAttrWarpSize, 2), cudaErrorInvalidDevice);
  EXPECT_EQ(cudaGetDeviceProperties(&properties, 2), cudaErrorInvalidDevice);
}

TEST_F(SimulatedDevice, MemoryInfoFollowsAllocations) {
  restart_with({.device_bytes = 1 << 20});
  std::size_t free = 0, total = 0;
  {
    const DeviceArray<std::byte> first(1 << 10), elsewhere(1 << 12, 1);
    ok(cudaMemGetInfo(&free, &total));
    EXPECT_EQ(total, 1u << 20);
    EXPECT_EQ(free, (1u << 20) - (1u << 10));
  }
  ok(cudaMemGetInfo(&free, &total));
  EXPECT_EQ(free, total);
}

TEST_F(SimulatedDevice, VersionsAreThoseOfTheHeaders) {
  int driver = 0, runtime = 0;
  ok(cudaDriverGetVersion(&driver));
  ok(cudaRuntimeGetVersion(&runtime));
  EXPECT_EQ(runtime, CUDART_VERSION);
  EXPECT_GE(driver, runtime);
}

TEST_F(SimulatedDevice, PeerAccessIsEnabledOnceAndInOneDirection) {
  int can = 0;
  ok(cudaDeviceCanAccessPeer(&can, 0, 1));
  EXPECT_EQ(can, 1);
  EXPECT_EQ(cudaDeviceDisablePeerAccess(1), cudaErrorPeerAccessNotEnabled);
  EXPECT_EQ(cudaDeviceEnablePeerAccess(1, 1), cudaErrorInvalidValue);  // "flags must be set to 0"
  ok(cudaDeviceEnablePeerAccess(1, 0));
  EXPECT_EQ(cudaDeviceEnablePeerAccess(1, 0), cudaErrorPeerAccessAlreadyEnabled);
  ok(cudaSetDevice(1));
  EXPECT_EQ(cudaDeviceDisablePeerAccess(0), cudaErrorPeerAccessNotEnabled);  // "access is unidirectional"
}

TEST_F(SimulatedDevice, ResetReleasesWhatTheDeviceHas) {
  void* memory = nullptr;
  cudaStream_t stream = nullptr;
  ok(cudaMalloc(&memory, 64));
  ok(cudaStreamCreate(&stream));
  ok(cudaMemsetAsync(memory, 1, 64, stream));
  ok(cudaDeviceReset());
  std::size_t free = 0, total = 0;
  ok(cudaMemGetInfo(&free, &total));
  EXPECT_EQ(free, total);
  EXPECT_EQ(cudaStreamSynchronize(stream), cudaErrorInvalidResourceHandle);
  EXPECT_EQ(count_findings(), 0u) << finding_texts();
}

TEST_F(SimulatedDevice, OccupancyFollowsTheLimitsOfAMultiprocessor) {
  const void* kernel = reinterpret_cast<const void*>(&ok);
  const auto blocks_of = [&](int threads, std::size_t shared) {
    int blocks = -1;
    ok(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, kernel, threads, shared));
    return blocks;
  };
  EXPECT_EQ(blocks_of(256, 0), 8);         // 2048 threads
  EXPECT_EQ(blocks_of(32, 0), 32);         // at most 32 blocks
  EXPECT_EQ(blocks_of(33, 0), 32);         // two warps
  EXPECT_EQ(blocks_of(1025, 0), 0);        // no block has so many threads
  EXPECT_EQ(blocks_of(128, 47 << 10), 4);  // 228 KiB of shared memory, 1 KiB of each block reserved
  EXPECT_EQ(blocks_of(128, 100 << 10), 0);
  ok(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, 100 << 10));
  EXPECT_EQ(blocks_of(128, 100 << 10), 2);
  EXPECT_EQ(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, 228 << 10),
            cudaErrorInvalidValue);
  cudaFuncAttributes attributes;
  ok(cudaFuncGetAttributes(&attributes, kernel));
  EXPECT_EQ(attributes.maxDynamicSharedSizeBytes, 100 << 10);
  EXPECT_EQ(attributes.maxThreadsPerBlock, 1024);
  EXPECT_EQ(cudaFuncGetAttributes(&attributes, nullptr), cudaErrorInvalidDeviceFunction);
}

}  // namespace
}  // namespace slipway::test
