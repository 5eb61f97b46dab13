#include "tests/kernels/simt/runtime/support.h"

namespace slipway::test {
namespace {

using SimulatedEvents = SimulatedRuntime;

TEST_F(SimulatedEvents, BeforeItsFirstRecordAnEventIsAnEmptySetOfWork) {
  OwnedStream stream;
  OwnedEvent event, other;
  ok(cudaEventQuery(event));
  ok(cudaEventSynchronize(event));
  ok(cudaStreamWaitEvent(stream, event, 0));
  float milliseconds = 0;
  ok(cudaEventRecord(other, stream));
  ok(cudaEventSynchronize(other));
  EXPECT_EQ(cudaEventElapsedTime(&milliseconds, event, other), cudaErrorInvalidResourceHandle);
}

TEST_F(SimulatedEvents, CompletesWithTheWorkBeforeIt) {
  for_each_seed([] {
    OwnedStream stream;
    OwnedEvent event;
    std::string order;
    launch(stream, [&] { order += 'a'; });
    ok(cudaEventRecord(event, stream));
    launch(stream, [&] { order += 'b'; });
    EXPECT_EQ(cudaEventQuery(event), cudaErrorNotReady);
    ok(cudaEventSynchronize(event));
    EXPECT_EQ(order.substr(0, 1), "a");
    ok(cudaEventQuery(event));
    ok(cudaDeviceSynchronize());
  });
}

TEST_F(SimulatedEvents, ALaterRecordDoesNotChangeAnEarlierWait) {
  // "APIs such as cudaStreamWaitEvent() are not affected by later calls to cudaEventRecord()."
  int overtaken = 0;
  for_each_seed([&] {
    OwnedStream producer, consumer;
    OwnedEvent event;
    bool second = false;
    ok(cudaEventRecord(event, producer));
    ok(cudaStreamWaitEvent(consumer, event, 0));
    launch(producer, [&] { second = true; });
    ok(cudaEventRecord(event, producer));
    launch(consumer, [&] { overtaken += !second; });
    ok(cudaStreamSynchronize(consumer));
    ok(cudaEventSynchronize(event));
    EXPECT_TRUE(second);
  });
  EXPECT_GT(overtaken, 0);
}

TEST_F(SimulatedEvents, ElapsedTimeGrowsWithTheWork) {
  OwnedStream stream;
  OwnedEvent start, middle, end;
  const DeviceArray<std::byte> array(1 << 20);
  ok(cudaEventRecord(start, stream));
  ok(cudaMemsetAsync(array.get(), 0, 1 << 10, stream));
  ok(cudaEventRecord(middle, stream));
  ok(cudaMemsetAsync(array.get(), 0, 1 << 20, stream));
  ok(cudaEventRecord(end, stream));
  float little = 0, much = 0;
  EXPECT_EQ(cudaEventElapsedTime(&little, start, end), cudaErrorNotReady);
  ok(cudaEventSynchronize(end));
  ok(cudaEventElapsedTime(&little, start, middle));
  ok(cudaEventElapsedTime(&much, middle, end));
  EXPECT_GT(little, 0);
  EXPECT_GT(much, little);
}

TEST_F(SimulatedEvents, WithoutTimingThereIsNoElapsedTime) {
  OwnedStream stream;
  OwnedEvent start(cudaEventDisableTiming), end;
  ok(cudaEventRecord(start, stream));
  ok(cudaEventRecord(end, stream));
  ok(cudaStreamSynchronize(stream));
  float milliseconds = 0;
  EXPECT_EQ(cudaEventElapsedTime(&milliseconds, start, end), cudaErrorInvalidResourceHandle);
}

TEST_F(SimulatedEvents, BelongToTheDeviceTheyWereCreatedOn) {
  // "event and stream must be on the same CUDA context"; waiting for it is allowed from any device.
  OwnedStream stream;
  ok(cudaSetDevice(1));
  OwnedEvent event;
  OwnedStream other;
  EXPECT_EQ(cudaEventRecord(event, stream), cudaErrorInvalidResourceHandle);
  ok(cudaEventRecord(event, other));
  ok(cudaStreamWaitEvent(stream, event, 0));
  ok(cudaSetDevice(0));
  ok(cudaStreamSynchronize(stream));
}

TEST_F(SimulatedEvents, MayBeDestroyedBeforeTheyComplete) {
  for_each_seed([] {
    OwnedStream producer, consumer;
    std::string order;
    cudaEvent_t event = nullptr;
    ok(cudaEventCreate(&event));
    launch(producer, [&] { order += 'a'; });
    ok(cudaEventRecord(event, producer));
    ok(cudaStreamWaitEvent(consumer, event, 0));
    ok(cudaEventDestroy(event));
    launch(consumer, [&] { order += 'b'; });
    ok(cudaDeviceSynchronize());
    EXPECT_EQ(order, "ab");
    EXPECT_EQ(cudaEventDestroy(event), cudaErrorInvalidResourceHandle);
    EXPECT_EQ(cudaEventRecord(event, producer), cudaErrorInvalidResourceHandle);
  });
}

TEST_F(SimulatedEvents, CreationChecksFlags) {
  cudaEvent_t event = nullptr;
  EXPECT_EQ(cudaEventCreateWithFlags(&event, 0x100), cudaErrorInvalidValue);
  ok(cudaEventCreateWithFlags(&event, cudaEventBlockingSync | cudaEventDisableTiming));
  ok(cudaEventDestroy(event));
}

}  // namespace
}  // namespace slipway::test
