#include "kernels/cuda/simt.cuh"
#include "tests/kernels/simt/runtime/support.h"

// The same mistakes made by kernels, whose accesses the checker sees.
namespace slipway::test {
namespace {

constexpr std::size_t kCount = 256;
constexpr unsigned kBlock = 64;

__global__ void fill(int* target, int value) {
  target[blockIdx.x * blockDim.x + threadIdx.x] = value;  // bug: kernel
}

__global__ void add_one(int* target, const int* source) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  target[i] = source[i] + 1;  // bug: kernel
}

constexpr cuda::LaunchShape kShape{.grid = {kCount / kBlock, 1, 1}, .block = {kBlock, 1, 1}};

Stream stream_of(cudaStream_t native) { return {.device = {DeviceKind::cuda, 0}, .native = native}; }

using SimulatedKernelOrdering = SimulatedRuntime;

TEST_F(SimulatedKernelOrdering, MissingWaitBetweenKernelsIsFound) {
  for_each_seed([] {
    OwnedStream producer, consumer;
    const DeviceArray<int> first(kCount), second(kCount);
    cuda::launch(stream_of(producer), kShape, fill, first.get(), 1);
    cuda::launch(stream_of(consumer), kShape, add_one, second.get(), first.get());
    ok(cudaDeviceSynchronize());
    expect_found({"stream race", __FILE__, "bug: kernel"});
  });
}

TEST_F(SimulatedKernelOrdering, MissingWaitBetweenAKernelAndACopyIsFound) {
  for_each_seed([] {
    OwnedStream compute, copies;
    const DeviceArray<int> array(kCount);
    const PinnedArray<int> result(kCount);
    cuda::launch(stream_of(compute), kShape, fill, array.get(), 1);
    ok(cudaMemcpyAsync(result.get(), array.get(), array.bytes(), cudaMemcpyDefault, copies));  // bug: kernel
    ok(cudaDeviceSynchronize());
    expect_found({"stream race", __FILE__, "bug: kernel"});
  });
}

TEST_F(SimulatedKernelOrdering, EventsBetweenKernelsAreSilent) {
  for_each_seed([] {
    OwnedStream producer, consumer;
    OwnedEvent produced, consumed;
    const DeviceArray<int> first(kCount), second(kCount);
    const PinnedArray<int> result(kCount);
    for (int round = 0; round < 3; ++round) {
      ok(cudaStreamWaitEvent(producer, consumed, 0));
      cuda::launch(stream_of(producer), kShape, fill, first.get(), round);
      ok(cudaEventRecord(produced, producer));
      ok(cudaStreamWaitEvent(consumer, produced, 0));
      cuda::launch(stream_of(consumer), kShape, add_one, second.get(), first.get());
      ok(cudaEventRecord(consumed, consumer));
    }
    to_host(result, second, consumer);
    ok(cudaStreamSynchronize(consumer));
    EXPECT_TRUE(result.all(3));
    EXPECT_EQ(count_findings(), 0u) << finding_texts();
  });
}

TEST_F(SimulatedKernelOrdering, KernelAfterFreeIsFound) {
  for_each_seed([] {
    OwnedStream stream;
    void* memory = nullptr;
    ok(cudaMalloc(&memory, kCount * sizeof(int)));
    cuda::launch(stream_of(stream), kShape, fill, static_cast<int*>(memory), 1);
    ok(cudaFree(memory));
    ok(cudaStreamSynchronize(stream));
    EXPECT_GE(count_findings("use after free"), 1u) << finding_texts();
  });
}

TEST_F(SimulatedKernelOrdering, MemoryOfAnotherDeviceNeedsPeerAccess) {
  for_each_seed([] {
    OwnedStream stream;
    const DeviceArray<int> elsewhere(kCount, 1);
    cuda::launch(stream_of(stream), kShape, fill, elsewhere.get(), 1);
    ok(cudaStreamSynchronize(stream));
    EXPECT_GE(count_findings("wrong device"), 1u) << finding_texts();
    simt::clear_findings();
    ok(cudaDeviceEnablePeerAccess(1, 0));
    cuda::launch(stream_of(stream), kShape, fill, elsewhere.get(), 1);
    ok(cudaStreamSynchronize(stream));
    EXPECT_EQ(count_findings(), 0u) << finding_texts();
  });
}

}  // namespace
}  // namespace slipway::test
