#include <cmath>

#include "kernels/simt/runtime/control.h"
#include "tests/kernels/simt/runtime/support.h"

// Programs with one mistake each, which is found whatever the seed.
namespace slipway::test {
namespace {

using SimulatedOrderingBugs = SimulatedRuntime;
constexpr std::size_t kCount = 256;

void expect_found(const std::string& kind) { EXPECT_GE(count_findings(kind), 1u) << finding_texts(); }

TEST_F(SimulatedOrderingBugs, MissingStreamWait) {
  for_each_seed([] {
    OwnedStream producer, consumer;
    const DeviceArray<int> array(kCount);
    const PinnedArray<int> result(kCount);
    ok(cudaMemsetAsync(array.get(), 0, array.bytes(), producer));
    to_host(result, array, consumer);
    ok(cudaDeviceSynchronize());
    expect_found("stream race");
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
    to_host(result, array, reader);
    ok(cudaMemsetAsync(array.get(), 1, array.bytes(), writer));  // the reader may not be done
    ok(cudaDeviceSynchronize());
    expect_found("stream race");
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
        to_host(*results[i], array, readers[i]);
        ok(cudaEventRecord(read[i], readers[i]));
      }
      ok(cudaStreamWaitEvent(writer, read[waits_for], 0));
      ok(cudaMemsetAsync(array.get(), 1, array.bytes(), writer));
      ok(cudaDeviceSynchronize());
      expect_found("stream race");
    });
  }
}

TEST_F(SimulatedOrderingBugs, WaitBeforeTheRecordItShouldWaitFor) {
  for_each_seed([] {
    OwnedStream producer, consumer;
    OwnedEvent produced;
    const DeviceArray<int> array(kCount);
    const PinnedArray<int> result(kCount);
    ok(cudaMemsetAsync(array.get(), 0, array.bytes(), producer));
    ok(cudaStreamWaitEvent(consumer, produced, 0));
    ok(cudaEventRecord(produced, producer));
    to_host(result, array, consumer);
    ok(cudaDeviceSynchronize());
    expect_found("stream race");
  });
}

TEST_F(SimulatedOrderingBugs, EventNeverRecorded) {
  for_each_seed([] {
    OwnedStream producer, consumer;
    OwnedEvent produced;
    const DeviceArray<int> array(kCount);
    const PinnedArray<int> result(kCount);
    ok(cudaMemsetAsync(array.get(), 0, array.bytes(), producer));
    ok(cudaStreamWaitEvent(consumer, produced, 0));
    to_host(result, array, consumer);
    ok(cudaDeviceSynchronize());
    expect_found("stream race");
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
    to_device(array, source, stream);
    source[kCount - 1] = 2;
    ok(cudaStreamSynchronize(stream));
    expect_found("overwritten source");
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
    ok(cudaMemcpyAsync(result.get(), memory, result.bytes(), cudaMemcpyDeviceToHost, user));
    ok(cudaFreeAsync(memory, owner));  // the user may not be done
    ok(cudaDeviceSynchronize());
    EXPECT_EQ(count_findings("use after free") + count_findings("stream race"), 1u) << finding_texts();
  });
}

TEST_F(SimulatedOrderingBugs, FreeBeforeTheWorkIsDone) {
  for_each_seed([] {
    OwnedStream stream, other;
    void* memory = nullptr;
    ok(cudaMalloc(&memory, 64));
    ok(cudaMemsetAsync(memory, 0, 64, stream));
    launch(other, [] {});
    ok(cudaStreamSynchronize(other));  // this may or may not have run the fill
    ok(cudaFree(memory));
    ok(cudaDeviceSynchronize());
    expect_found("use after free");
  });
}

TEST_F(SimulatedOrderingBugs, UseOfFreedMemory) {
  for_each_seed([] {
    OwnedStream stream;
    void* memory = nullptr;
    ok(cudaMalloc(&memory, 64));
    ok(cudaFree(memory));
    EXPECT_EQ(cudaMemsetAsync(memory, 0, 64, stream), cudaErrorInvalidValue);
    expect_found("use after free");
  });
}

TEST_F(SimulatedOrderingBugs, WrongDevicePointer) {
  for_each_seed([] {
    OwnedStream stream;
    const DeviceArray<int> elsewhere(kCount, 1);
    EXPECT_EQ(cudaMemsetAsync(elsewhere.get(), 0, elsewhere.bytes(), stream), cudaErrorInvalidValue);
    expect_found("wrong device");
  });
}

TEST_F(SimulatedOrderingBugs, MemoryLeak) {
  for_each_seed([] {
    void* memory = nullptr;
    ok(cudaMalloc(&memory, 64));
    EXPECT_EQ(simt::report_leaks(), 1u);
    expect_found("leak");
  });
}

TEST_F(SimulatedOrderingBugs, DoubleFree) {
  for_each_seed([] {
    void* memory = nullptr;
    ok(cudaMalloc(&memory, 64));
    ok(cudaFree(memory));
    EXPECT_EQ(cudaFree(memory), cudaErrorInvalidValue);
    expect_found("double free");
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
    ok(cudaMemsetAsync(memory, 0, result.bytes(), stream));
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
    expect_found("use after free");
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
    ok(cudaMemsetAsync(array.get(), 0, array.bytes(), first));
    to_host(result, array, second);
    ok(cudaEventRecord(join, second));
    ok(cudaStreamWaitEvent(first, join, 0));
    ok(cudaStreamEndCapture(first, &graph));
    ok(cudaGraphInstantiate(&executable, graph, 0));
    ok(cudaGraphLaunch(executable, first));
    ok(cudaStreamSynchronize(first));
    expect_found("stream race");
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
    to_device(input, staging, upload);
    to_host(staging, output, download);
    ok(cudaDeviceSynchronize());
    expect_found("stream race");
  });
}

}  // namespace
}  // namespace slipway::test
