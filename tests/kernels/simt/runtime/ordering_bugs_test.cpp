#include <cmath>

#include "kernels/simt/runtime/control.h"
#include "tests/kernels/simt/runtime/support.h"

// Programs with one mistake each, which is found whatever the seed: with file and line of one of the calls
// that a comment at the end of a line marks. Where a call fails at once, or the host reads poison, there is
// no finding.
namespace slipway::test {
namespace {

using SimulatedOrderingBugs = SimulatedRuntime;
constexpr std::size_t kCount = 256;
constexpr std::size_t kBytes = kCount * sizeof(int);

TEST_F(SimulatedOrderingBugs, MissingStreamWait) {
  for_each_seed([] {
    OwnedStream producer, consumer;
    const DeviceArray<int> array(kCount);
    const PinnedArray<int> result(kCount);
    ok(cudaMemsetAsync(array.get(), 0, array.bytes(), producer));                         // bug: wait
    ok(cudaMemcpyAsync(result.get(), array.get(), kBytes, cudaMemcpyDefault, consumer));  // bug: wait
    ok(cudaDeviceSynchronize());
    expect_found({"stream race", __FILE__, "bug: wait"});
  });
}

TEST_F(SimulatedOrderingBugs, MissingWaitBeforeOverwriting) {
  for_each_seed([] {
    OwnedStream reader, writer;
    OwnedEvent filled;
    const DeviceArray<int> array(kCount);
    const PinnedArray<int> result(kCount);
    ok(cudaMemsetAsync(array.get(), 0, array.bytes(), writer));
    ok(cudaEventRecord(filled, writer));
    ok(cudaStreamWaitEvent(reader, filled, 0));
    ok(cudaMemcpyAsync(result.get(), array.get(), kBytes, cudaMemcpyDefault, reader));  // bug: overwrite
    ok(cudaMemsetAsync(array.get(), 1, array.bytes(), writer));                         // bug: overwrite
    ok(cudaDeviceSynchronize());
    expect_found({"stream race", __FILE__, "bug: overwrite"});
  });
}

TEST_F(SimulatedOrderingBugs, WriterThatWaitsForOneOfTwoReaders) {
  for (int waits_for : {0, 1}) {
    for_each_seed([&] {
      OwnedStream readers[2], writer;
      OwnedEvent read[2];
      const DeviceArray<int> array(kCount);
      const PinnedArray<int> first(kCount), second(kCount);
      const PinnedArray<int>* results[] = {&first, &second};
      ok(cudaMemset(array.get(), 0, array.bytes()));
      ok(cudaDeviceSynchronize());
      for (int i = 0; i < 2; ++i) {
        int* const result = results[i]->get();
        ok(cudaMemcpyAsync(result, array.get(), kBytes, cudaMemcpyDefault, readers[i]));  // bug: readers
        ok(cudaEventRecord(read[i], readers[i]));
      }
      ok(cudaStreamWaitEvent(writer, read[waits_for], 0));
      ok(cudaMemsetAsync(array.get(), 1, array.bytes(), writer));  // bug: readers
      ok(cudaDeviceSynchronize());
      expect_found({"stream race", __FILE__, "bug: readers"});
    });
  }
}

TEST_F(SimulatedOrderingBugs, WaitBeforeTheRecordItShouldWaitFor) {
  for_each_seed([] {
    OwnedStream producer, consumer;
    OwnedEvent produced;
    const DeviceArray<int> array(kCount);
    const PinnedArray<int> result(kCount);
    ok(cudaMemsetAsync(array.get(), 0, array.bytes(), producer));  // bug: early wait
    ok(cudaStreamWaitEvent(consumer, produced, 0));
    ok(cudaEventRecord(produced, producer));
    ok(cudaMemcpyAsync(result.get(), array.get(), kBytes, cudaMemcpyDefault, consumer));  // bug: early wait
    ok(cudaDeviceSynchronize());
    expect_found({"stream race", __FILE__, "bug: early wait"});
  });
}

TEST_F(SimulatedOrderingBugs, EventNeverRecorded) {
  for_each_seed([] {
    OwnedStream producer, consumer;
    OwnedEvent produced;
    const DeviceArray<int> array(kCount);
    const PinnedArray<int> result(kCount);
    ok(cudaMemsetAsync(array.get(), 0, array.bytes(), producer));  // bug: recorded
    ok(cudaStreamWaitEvent(consumer, produced, 0));
    ok(cudaMemcpyAsync(result.get(), array.get(), kBytes, cudaMemcpyDefault, consumer));  // bug: recorded
    ok(cudaDeviceSynchronize());
    expect_found({"stream race", __FILE__, "bug: recorded"});
  });
}

TEST_F(SimulatedOrderingBugs, PrematureHostRead) {
  for_each_seed([] {
    OwnedStream stream;
    const DeviceArray<float> array(kCount);
    const PinnedArray<float> result(kCount, 1.0f);
    ok(cudaMemsetAsync(array.get(), 0, array.bytes(), stream));
    to_host(result, array, stream);
    EXPECT_TRUE(std::isnan(result[0]) && std::isnan(result[kCount - 1]));
    ok(cudaStreamSynchronize(stream));
  });
}

TEST_F(SimulatedOrderingBugs, OverwrittenPinnedSource) {
  for_each_seed([] {
    OwnedStream stream;
    const DeviceArray<int> array(kCount);
    const PinnedArray<int> source(kCount, 1);
    ok(cudaMemcpyAsync(array.get(), source.get(), kBytes, cudaMemcpyDefault, stream));  // bug: source
    source[kCount - 1] = 2;
    ok(cudaStreamSynchronize(stream));
    expect_found({"overwritten source", __FILE__, "bug: source"});
  });
}

TEST_F(SimulatedOrderingBugs, AllocationInsideCapture) {
  for_each_seed([] {
    OwnedStream stream;
    void* memory = nullptr;
    cudaGraph_t graph = nullptr;
    ok(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
    EXPECT_EQ(cudaMalloc(&memory, 64), cudaErrorStreamCaptureUnsupported);
    EXPECT_EQ(cudaStreamEndCapture(stream, &graph), cudaErrorStreamCaptureInvalidated);
  });
}

TEST_F(SimulatedOrderingBugs, SynchroniseInsideCapture) {
  for_each_seed([] {
    OwnedStream stream;
    cudaGraph_t graph = nullptr;
    ok(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
    EXPECT_EQ(cudaStreamSynchronize(stream), cudaErrorStreamCaptureUnsupported);
    EXPECT_EQ(cudaStreamEndCapture(stream, &graph), cudaErrorStreamCaptureInvalidated);
  });
}

TEST_F(SimulatedOrderingBugs, FreeWhileAnotherStreamUsesTheMemory) {
  for_each_seed([] {
    OwnedStream owner, user;
    OwnedEvent filled;
    const PinnedArray<int> result(kCount);
    void* memory = nullptr;
    ok(cudaMallocAsync(&memory, result.bytes(), owner));
    ok(cudaMemsetAsync(memory, 0, result.bytes(), owner));
    ok(cudaEventRecord(filled, owner));
    ok(cudaStreamWaitEvent(user, filled, 0));
    ok(cudaMemcpyAsync(result.get(), memory, result.bytes(), cudaMemcpyDeviceToHost, user));  // bug: in use
    ok(cudaFreeAsync(memory, owner));                                                         // bug: in use
    ok(cudaDeviceSynchronize());
    EXPECT_EQ(count_findings("use after free") + count_findings("stream race"), 1u) << finding_texts();
    EXPECT_TRUE(was_found({"use after free", __FILE__, "bug: in use"}) ||
                was_found({"stream race", __FILE__, "bug: in use"}))
        << finding_texts();
  });
}

TEST_F(SimulatedOrderingBugs, FreeBeforeTheWorkIsDone) {
  for_each_seed([] {
    OwnedStream stream, other;
    void* memory = nullptr;
    ok(cudaMalloc(&memory, 64));
    ok(cudaMemsetAsync(memory, 0, 64, stream));  // bug: early free
    launch(other, [] {});
    ok(cudaStreamSynchronize(other));  // this may or may not have run the fill
    ok(cudaFree(memory));              // bug: early free
    ok(cudaDeviceSynchronize());
    expect_found({"use after free", __FILE__, "bug: early free"});
  });
}

TEST_F(SimulatedOrderingBugs, UseOfFreedMemory) {
  for_each_seed([] {
    OwnedStream stream;
    void* memory = nullptr;
    ok(cudaMalloc(&memory, 64));
    ok(cudaFree(memory));
    EXPECT_EQ(cudaMemsetAsync(memory, 0, 64, stream), cudaErrorInvalidValue);  // bug: freed
    expect_found({"use after free", __FILE__, "bug: freed"});
  });
}

TEST_F(SimulatedOrderingBugs, WrongDevicePointer) {
  for_each_seed([] {
    OwnedStream stream;
    const DeviceArray<int> elsewhere(kCount, 1);
    EXPECT_EQ(cudaMemsetAsync(elsewhere.get(), 0, kBytes, stream), cudaErrorInvalidValue);  // bug: device
    expect_found({"wrong device", __FILE__, "bug: device"});
  });
}

TEST_F(SimulatedOrderingBugs, MemoryLeak) {
  for_each_seed([] {
    void* memory = nullptr;
    ok(cudaMalloc(&memory, 64));  // bug: leak
    EXPECT_EQ(simt::report_leaks(), 1u);
    expect_found({"leak", __FILE__, "bug: leak"});
  });
}

TEST_F(SimulatedOrderingBugs, DoubleFree) {
  for_each_seed([] {
    void* memory = nullptr;
    ok(cudaMalloc(&memory, 64));
    ok(cudaFree(memory));
    EXPECT_EQ(cudaFree(memory), cudaErrorInvalidValue);  // bug: twice
    expect_found({"double free", __FILE__, "bug: twice"});
  });
}

TEST_F(SimulatedOrderingBugs, ReplayOfFreedMemory) {
  for_each_seed([] {
    OwnedStream stream;
    const PinnedArray<int> result(kCount);
    void* memory = nullptr;
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t executable = nullptr;
    ok(cudaMalloc(&memory, result.bytes()));
    ok(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
    ok(cudaMemsetAsync(memory, 0, result.bytes(), stream));  // bug: replay
    ok(cudaMemcpyAsync(result.get(), memory, result.bytes(), cudaMemcpyDeviceToHost, stream));
    ok(cudaStreamEndCapture(stream, &graph));
    ok(cudaGraphInstantiate(&executable, graph, 0));
    ok(cudaGraphLaunch(executable, stream));
    ok(cudaStreamSynchronize(stream));
    EXPECT_EQ(count_findings(), 0u) << finding_texts();
    ok(cudaFree(memory));
    const DeviceArray<int> other(kCount);  // may lie where the freed memory lay
    ok(cudaGraphLaunch(executable, stream));
    ok(cudaStreamSynchronize(stream));
    expect_found({"use after free", __FILE__, "bug: replay"});
    ok(cudaGraphExecDestroy(executable));
    ok(cudaGraphDestroy(graph));
  });
}

TEST_F(SimulatedOrderingBugs, MissingDependencyInsideAGraph) {
  for_each_seed([] {
    OwnedStream first, second;
    OwnedEvent fork, join;
    const DeviceArray<int> array(kCount);
    const PinnedArray<int> result(kCount);
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t executable = nullptr;
    ok(cudaStreamBeginCapture(first, cudaStreamCaptureModeGlobal));
    ok(cudaEventRecord(fork, first));
    ok(cudaStreamWaitEvent(second, fork, 0));
    ok(cudaMemsetAsync(array.get(), 0, array.bytes(), first));                          // bug: dependency
    ok(cudaMemcpyAsync(result.get(), array.get(), kBytes, cudaMemcpyDefault, second));  // bug: dependency
    ok(cudaEventRecord(join, second));
    ok(cudaStreamWaitEvent(first, join, 0));
    ok(cudaStreamEndCapture(first, &graph));
    ok(cudaGraphInstantiate(&executable, graph, 0));
    ok(cudaGraphLaunch(executable, first));
    ok(cudaStreamSynchronize(first));
    expect_found({"stream race", __FILE__, "bug: dependency"});
    ok(cudaGraphExecDestroy(executable));
    ok(cudaGraphDestroy(graph));
  });
}

TEST_F(SimulatedOrderingBugs, PinnedBufferReusedByAnotherStream) {
  for_each_seed([] {
    OwnedStream upload, download;
    const DeviceArray<int> input(kCount), output(kCount);
    const PinnedArray<int> staging(kCount, 1);
    ok(cudaMemset(output.get(), 0, output.bytes()));
    ok(cudaDeviceSynchronize());
    ok(cudaMemcpyAsync(input.get(), staging.get(), kBytes, cudaMemcpyDefault, upload));     // bug: staging
    ok(cudaMemcpyAsync(staging.get(), output.get(), kBytes, cudaMemcpyDefault, download));  // bug: staging
    ok(cudaDeviceSynchronize());
    expect_found({"stream race", __FILE__, "bug: staging"});
  });
}

}  // namespace
}  // namespace slipway::test
