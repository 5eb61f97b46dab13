#include "kernels/simt/runtime/control.h"
#include "tests/kernels/simt/runtime/support.h"

namespace slipway::test {
namespace {

using SimulatedStreams = SimulatedRuntime;

TEST_F(SimulatedStreams, WorkIsDeferredUntilSomebodyWaits) {
  OwnedStream stream;
  bool ran = false;
  launch(stream, [&] { ran = true; });
  EXPECT_FALSE(ran);
  ok(cudaStreamSynchronize(stream));
  EXPECT_TRUE(ran);
}

TEST_F(SimulatedStreams, AskingLetsTheDeviceGetOn) {
  for_each_seed([] {
    OwnedStream stream, other;
    int runs = 0;
    for (int i = 0; i < 5; ++i) {
      launch(stream, [&] { ++runs; });
      launch(other, [] {});
    }
    EXPECT_EQ(cudaStreamQuery(stream), cudaErrorNotReady);
    cudaError_t status;
    while ((status = cudaStreamQuery(stream)) == cudaErrorNotReady) continue;
    EXPECT_EQ(status, cudaSuccess);
    EXPECT_EQ(runs, 5);
  });
}

TEST_F(SimulatedStreams, AStreamKeepsItsOrder) {
  for_each_seed([] {
    OwnedStream stream, other;
    std::vector<int> order;
    for (int i = 0; i < 20; ++i) {
      launch(stream, [&order, i] { order.push_back(i); });
      launch(other, [] {});
    }
    ok(cudaDeviceSynchronize());
    EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
    EXPECT_EQ(order.size(), 20u);
  });
}

TEST_F(SimulatedStreams, SeedsReorderStreams) {
  std::vector<std::string> orders;
  for_each_seed([&] {
    OwnedStream a, b, c;
    std::string order;
    launch(a, [&] { order += 'a'; });
    launch(b, [&] { order += 'b'; });
    launch(c, [&] { order += 'c'; });
    ok(cudaDeviceSynchronize());
    orders.push_back(order);
  });
  std::sort(orders.begin(), orders.end());
  orders.erase(std::unique(orders.begin(), orders.end()), orders.end());
  EXPECT_GE(orders.size(), 3u);
}

TEST_F(SimulatedStreams, WaitingForAnEventOrdersStreams) {
  for_each_seed([] {
    OwnedStream producer, consumer;
    OwnedEvent produced;
    std::string order;
    launch(producer, [&] { order += 'a'; });
    ok(cudaEventRecord(produced, producer));
    launch(producer, [] {});
    ok(cudaStreamWaitEvent(consumer, produced, 0));
    launch(consumer, [&] { order += 'b'; });
    ok(cudaStreamSynchronize(consumer));
    EXPECT_EQ(order, "ab");
  });
}

TEST_F(SimulatedStreams, TheLegacyStreamWaitsForBlockingStreamsAndTheyForIt) {
  for_each_seed([] {
    OwnedStream blocking(cudaStreamDefault);
    const DeviceArray<int> array(4), result(4);
    std::vector<int> host(4);
    launch(blocking, [] {});
    ok(cudaMemsetAsync(array.get(), 1, array.bytes(), blocking));
    ok(cudaMemset(array.get(), 2, array.bytes()));
    ok(cudaMemcpyAsync(result.get(), array.get(), array.bytes(), cudaMemcpyDeviceToDevice, blocking));
    ok(cudaMemcpy(host.data(), result.get(), result.bytes(), cudaMemcpyDeviceToHost));
    EXPECT_EQ(host, std::vector<int>(4, 0x02020202));
    EXPECT_EQ(count_findings(), 0u) << finding_texts();
  });
}

TEST_F(SimulatedStreams, TheLegacyStreamDoesNotWaitForNonBlockingStreams) {
  for_each_seed([] {
    OwnedStream stream(cudaStreamNonBlocking);
    const DeviceArray<int> array(4);
    ok(cudaMemsetAsync(array.get(), 1, array.bytes(), stream));
    ok(cudaMemset(array.get(), 2, array.bytes()));
    ok(cudaDeviceSynchronize());
    EXPECT_EQ(count_findings("stream race"), 1u) << finding_texts();
  });
}

TEST_F(SimulatedStreams, TheLegacyStreamOrdersKernels) {
  for_each_seed([] {
    OwnedStream first(cudaStreamDefault), second(cudaStreamDefault);
    std::string order;
    launch(first, [&] { order += 'a'; });
    launch(second, [&] { order += 'a'; });
    launch(nullptr, [&] { order += 'b'; });
    launch(cudaStreamLegacy, [&] { order += 'c'; });
    launch(first, [&] { order += 'd'; });
    launch(second, [&] { order += 'd'; });
    ok(cudaDeviceSynchronize());
    EXPECT_EQ(order, "aabcdd");
  });
}

TEST_F(SimulatedStreams, KernelsAreRefusedInAStreamOfAnotherDevice) {
  ok(cudaSetDevice(1));
  OwnedStream stream;
  EXPECT_THROW(launch(stream, [] {}), Error);  // launches on device 0
}

TEST_F(SimulatedStreams, CreationChecksFlagsAndClampsPriority) {
  cudaStream_t stream = nullptr;
  EXPECT_EQ(cudaStreamCreateWithFlags(&stream, 8), cudaErrorInvalidValue);
  int least = 0, greatest = 0, priority = 0;
  ok(cudaDeviceGetStreamPriorityRange(&least, &greatest));
  EXPECT_LT(greatest, least);  // "lower numbers represent greater priorities"
  ok(cudaStreamCreateWithPriority(&stream, cudaStreamNonBlocking, greatest - 10));
  ok(cudaStreamGetPriority(stream, &priority));
  EXPECT_EQ(priority, greatest);
  unsigned flags = 0;
  ok(cudaStreamGetFlags(stream, &flags));
  EXPECT_EQ(flags, cudaStreamNonBlocking);
  ok(cudaStreamDestroy(stream));
  EXPECT_EQ(cudaStreamDestroy(stream), cudaErrorInvalidResourceHandle);
  EXPECT_EQ(cudaStreamQuery(stream), cudaErrorInvalidResourceHandle);
}

TEST_F(SimulatedStreams, ADestroyedStreamFinishesItsWork) {
  bool ran = false;
  {
    OwnedStream stream;
    launch(stream, [&] { ran = true; });
  }
  EXPECT_FALSE(ran);
  ok(cudaDeviceSynchronize());
  EXPECT_TRUE(ran);
}

TEST_F(SimulatedStreams, HostFunctionsRunInOrderAndMayCallNothingOfCuda) {
  OwnedStream stream;
  struct State {
    std::string order;
    cudaError_t inside = cudaSuccess;
  } state;
  launch(stream, [&] { state.order += 'a'; });
  ok(cudaLaunchHostFunc(
      stream,
      [](void* data) {
        auto& state = *static_cast<State*>(data);
        state.order += 'b';
        state.inside = cudaDeviceSynchronize();
      },
      &state));
  launch(stream, [&] { state.order += 'c'; });
  ok(cudaStreamSynchronize(stream));
  EXPECT_EQ(state.order, "abc");
  EXPECT_EQ(state.inside, cudaErrorNotPermitted);
}

TEST_F(SimulatedStreams, SynchronisingOneStreamLeavesOthersAlone) {
  for_each_seed([] {
    OwnedStream stream, other;
    OwnedEvent never;
    const DeviceArray<int> array(4);
    PinnedArray<int> result(4);
    ok(cudaMemsetAsync(array.get(), 0, array.bytes(), other));
    ok(cudaStreamSynchronize(stream));
    to_host(result, array, stream);  // the host never waited for `other`
    ok(cudaDeviceSynchronize());
    EXPECT_EQ(count_findings("stream race"), 1u) << finding_texts();
  });
}

TEST_F(SimulatedStreams, QueuesAreFinite) {
  OwnedStream stream;
  int runs = 0;
  for (int i = 0; i < 5000; ++i) launch(stream, [&] { ++runs; });
  EXPECT_GT(runs, 3000);
  ok(cudaStreamSynchronize(stream));
  EXPECT_EQ(runs, 5000);
}

TEST_F(SimulatedStreams, HostThreadsShareThem) {
  OwnedStream stream;
  constexpr int kThreads = 4, kLaunches = 100;
  int runs = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (int k = 0; k < kLaunches; ++k) launch(stream, [&] { ++runs; });
      ok(cudaStreamSynchronize(stream));
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(runs, kThreads * kLaunches);
}

}  // namespace
}  // namespace slipway::test
