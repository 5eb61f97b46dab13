#include <cmath>

#include "kernels/simt/runtime/control.h"
#include "tests/kernels/simt/runtime/support.h"

namespace slipway::test {
namespace {

using SimulatedMemory = SimulatedRuntime;

TEST_F(SimulatedMemory, DevicesHaveTheConfiguredSize) {
  restart_with({.device_bytes = 1000});
  void *most = nullptr, *more = nullptr, *elsewhere = nullptr;
  ok(cudaMalloc(&most, 800));
  EXPECT_EQ(cudaMalloc(&more, 300), cudaErrorMemoryAllocation);
  EXPECT_EQ(more, nullptr);
  ok(cudaSetDevice(1));
  ok(cudaMalloc(&elsewhere, 300));
  ok(cudaFree(elsewhere));
  ok(cudaFree(most));
  ok(cudaSetDevice(0));
  ok(cudaMalloc(&more, 300));
  ok(cudaFree(more));
}

TEST_F(SimulatedMemory, AllocationsAreAlignedAndPoisoned) {
  const DeviceArray<float> array(100);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(array.get()) % 256, 0u);
  std::vector<float> values(100);
  ok(cudaMemcpy(values.data(), array.get(), array.bytes(), cudaMemcpyDeviceToHost));
  for (float value : values) EXPECT_TRUE(std::isnan(value));
}

TEST_F(SimulatedMemory, FreeingNothingDoesNothing) {
  ok(cudaFree(nullptr));  // "If devPtr is 0, no operation is performed."
  ok(cudaFreeHost(nullptr));
  void* none = &none;
  ok(cudaMalloc(&none, 0));
  EXPECT_EQ(none, nullptr);
}

TEST_F(SimulatedMemory, FreeingTwiceIsFound) {
  // "If cudaFree(devPtr) has already been called before, an error is returned."
  void *device = nullptr, *host = nullptr;
  ok(cudaMalloc(&device, 64));
  ok(cudaFree(device));
  EXPECT_EQ(cudaFree(device), cudaErrorInvalidValue);
  EXPECT_EQ(count_findings("double free"), 1u) << finding_texts();
  ok(cudaMallocHost(&host, 64));
  ok(cudaFreeHost(host));
  EXPECT_EQ(cudaFreeHost(host), cudaErrorInvalidValue);
  EXPECT_EQ(count_findings("double free"), 2u) << finding_texts();
}

TEST_F(SimulatedMemory, FreeingWhatIsNoAllocationIsFound) {
  const DeviceArray<int> array(4);
  const PinnedArray<int> pinned(4);
  int local = 0;
  // "The device version of cudaFree cannot be used with a pointer allocated using the host API, and vice
  // versa."
  EXPECT_EQ(cudaFree(pinned.get()), cudaErrorInvalidValue);
  EXPECT_EQ(cudaFreeHost(array.get()), cudaErrorInvalidValue);
  EXPECT_EQ(cudaFree(array.get() + 1), cudaErrorInvalidValue);
  EXPECT_EQ(cudaFree(&local), cudaErrorInvalidValue);
  EXPECT_EQ(count_findings("bad free"), 4u) << finding_texts();
}

TEST_F(SimulatedMemory, PointersTellWhereTheyBelong) {
  const DeviceArray<int> array(4, 1);
  const PinnedArray<int> pinned(4);
  int local = 0;
  cudaPointerAttributes attributes;
  ok(cudaPointerGetAttributes(&attributes, array.get() + 2));
  EXPECT_EQ(attributes.type, cudaMemoryTypeDevice);
  EXPECT_EQ(attributes.device, 1);
  EXPECT_EQ(attributes.hostPointer, nullptr);
  EXPECT_EQ(attributes.devicePointer, nullptr) << "the current device has no access to it";
  ok(cudaDeviceEnablePeerAccess(1, 0));
  ok(cudaPointerGetAttributes(&attributes, array.get() + 2));
  EXPECT_EQ(attributes.devicePointer, array.get() + 2);
  ok(cudaPointerGetAttributes(&attributes, pinned.get()));
  EXPECT_EQ(attributes.type, cudaMemoryTypeHost);
  EXPECT_EQ(attributes.hostPointer, pinned.get());
  ok(cudaPointerGetAttributes(&attributes, &local));
  EXPECT_EQ(attributes.type, cudaMemoryTypeUnregistered);
}

TEST_F(SimulatedMemory, StreamOrderedMemoryLivesFromItsAllocationToItsFree) {
  OwnedStream stream;
  PinnedArray<int> result(16);
  int* memory = nullptr;
  ok(cudaMallocAsync(reinterpret_cast<void**>(&memory), result.bytes(), stream));
  ok(cudaMemsetAsync(memory, 0, result.bytes(), stream));
  ok(cudaMemcpyAsync(result.get(), memory, result.bytes(), cudaMemcpyDeviceToHost, stream));
  ok(cudaFreeAsync(memory, stream));
  EXPECT_EQ(cudaFreeAsync(memory, stream), cudaErrorInvalidValue);
  EXPECT_EQ(count_findings("double free"), 1u) << finding_texts();
  ok(cudaStreamSynchronize(stream));
  EXPECT_TRUE(result.all(0));
  EXPECT_EQ(count_findings(), 1u) << finding_texts();
  std::size_t free = 0, total = 0;
  ok(cudaMemGetInfo(&free, &total));
  EXPECT_EQ(free, total);
}

TEST_F(SimulatedMemory, LeaksAreReportedOnRequest) {
  void* memory = nullptr;
  cudaStream_t stream = nullptr;
  cudaEvent_t event = nullptr;
  ok(cudaMalloc(&memory, 48));
  ok(cudaStreamCreate(&stream));
  ok(cudaEventCreate(&event));
  EXPECT_EQ(simt::report_leaks(), 3u);
  EXPECT_EQ(count_findings("leak"), 3u) << finding_texts();
  EXPECT_NE(finding_texts().find("48 bytes on device 0"), std::string::npos) << finding_texts();
  simt::clear_findings();
  ok(cudaFree(memory));
  ok(cudaStreamDestroy(stream));
  ok(cudaEventDestroy(event));
  EXPECT_EQ(simt::report_leaks(), 0u);
  EXPECT_EQ(count_findings(), 0u);
}

}  // namespace
}  // namespace slipway::test
