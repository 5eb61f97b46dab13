#include "tests/kernels/simt/runtime/support.h"

namespace slipway::test {
namespace {

using SimulatedGraphs = SimulatedRuntime;

void begin(cudaStream_t stream, cudaStreamCaptureMode mode = cudaStreamCaptureModeGlobal) {
  ok(cudaStreamBeginCapture(stream, mode));
}

/// Ends the capture, which must be good, and makes it executable.
class Executable {
 public:
  explicit Executable(cudaStream_t stream) {
    cudaGraph_t graph = nullptr;
    ok(cudaStreamEndCapture(stream, &graph));
    ok(cudaGraphGetNodes(graph, nullptr, &nodes));
    ok(cudaGraphInstantiate(&executable_, graph, 0));
    ok(cudaGraphDestroy(graph));  // the executable has its own copy
  }
  ~Executable() { cudaGraphExecDestroy(executable_); }
  Executable(const Executable&) = delete;
  Executable& operator=(const Executable&) = delete;

  void launch(cudaStream_t stream) const { ok(cudaGraphLaunch(executable_, stream)); }

  std::size_t nodes = 0;

 private:
  cudaGraphExec_t executable_ = nullptr;
};

/// Ends a capture that something has gone wrong in.
cudaError_t end_bad(cudaStream_t stream) {
  cudaGraph_t graph = nullptr;
  const cudaError_t code = cudaStreamEndCapture(stream, &graph);
  EXPECT_EQ(graph, nullptr);  // "If capture was invalidated, then a NULL graph will be returned."
  cudaStreamCaptureStatus status;
  ok(cudaStreamIsCapturing(stream, &status));
  EXPECT_EQ(status, cudaStreamCaptureStatusNone);
  return code;
}

TEST_F(SimulatedGraphs, CapturedWorkRunsWhenTheGraphIsLaunched) {
  OwnedStream stream;
  int runs = 0;
  begin(stream);
  launch(stream, [&] { ++runs; });
  launch(stream, [&] { runs *= 2; });
  const Executable graph(stream);
  EXPECT_EQ(graph.nodes, 2u);
  ok(cudaStreamSynchronize(stream));
  EXPECT_EQ(runs, 0);
  for (int i = 0; i < 3; ++i) graph.launch(stream);
  ok(cudaStreamSynchronize(stream));
  EXPECT_EQ(runs, 14);  // ((1 * 2 + 1) * 2 + 1) * 2
}

TEST_F(SimulatedGraphs, EventsJoinStreamsToTheCapture) {
  for_each_seed([] {
    OwnedStream first, second;
    OwnedEvent fork, join;
    std::string order;
    begin(first);
    launch(first, [&] { order += 'a'; });
    ok(cudaEventRecord(fork, first));
    ok(cudaStreamWaitEvent(second, fork, 0));
    launch(second, [&] { order += 'b'; });
    launch(first, [&] { order += 'b'; });
    ok(cudaEventRecord(join, second));
    ok(cudaStreamWaitEvent(first, join, 0));
    launch(first, [&] { order += 'c'; });
    const Executable graph(first);
    graph.launch(first);
    graph.launch(first);
    ok(cudaStreamSynchronize(first));
    EXPECT_EQ(order, "abbcabbc");
    bool free = false;  // the joined stream is an ordinary one again
    launch(second, [&] { free = true; });
    ok(cudaStreamSynchronize(second));
    EXPECT_TRUE(free);
  });
}

TEST_F(SimulatedGraphs, BranchesRunInAnyOrder) {
  std::string orders;
  for_each_seed([&] {
    OwnedStream first, second;
    OwnedEvent fork, join;
    begin(first);
    ok(cudaEventRecord(fork, first));
    ok(cudaStreamWaitEvent(second, fork, 0));
    launch(first, [&] { orders += 'a'; });
    launch(second, [&] { orders += 'b'; });
    ok(cudaEventRecord(join, second));
    ok(cudaStreamWaitEvent(first, join, 0));
    const Executable graph(first);
    graph.launch(first);
    ok(cudaStreamSynchronize(first));
    orders += ' ';
  });
  EXPECT_NE(orders.find("ab"), std::string::npos) << orders;
  EXPECT_NE(orders.find("ba"), std::string::npos) << orders;
}

TEST_F(SimulatedGraphs, LaunchesOfOneGraphFollowEachOther) {
  // "Each launch is ordered behind both any previous work in stream and any previous launches."
  for_each_seed([] {
    OwnedStream stream, other;
    const DeviceArray<int> array(4);
    begin(stream);
    ok(cudaMemsetAsync(array.get(), 1, array.bytes(), stream));
    const Executable graph(stream);
    graph.launch(stream);
    graph.launch(other);
    ok(cudaDeviceSynchronize());
    EXPECT_EQ(count_findings(), 0u) << finding_texts();
  });
}

TEST_F(SimulatedGraphs, UnjoinedWorkIsAnError) {
  OwnedStream first, second;
  OwnedEvent fork;
  begin(first);
  ok(cudaEventRecord(fork, first));
  ok(cudaStreamWaitEvent(second, fork, 0));
  launch(second, [] {});
  EXPECT_EQ(end_bad(first), cudaErrorStreamCaptureUnjoined);
}

TEST_F(SimulatedGraphs, HostWaitsAreErrors) {
  OwnedStream stream, other;
  OwnedEvent outside;
  ok(cudaEventRecord(outside, other));
  const std::vector<std::function<cudaError_t()>> waits{
      [&] { return cudaStreamSynchronize(stream); }, [&] { return cudaStreamQuery(stream); },
      [&] { return cudaStreamSynchronize(other); },  [&] { return cudaDeviceSynchronize(); },
      [&] { return cudaEventSynchronize(outside); }, [&] { return cudaEventQuery(outside); },
  };
  for (const auto& wait : waits) {
    begin(stream);
    launch(stream, [] {});
    EXPECT_EQ(wait(), cudaErrorStreamCaptureUnsupported);
    EXPECT_THROW(launch(stream, [] {}), Error) << "the capture is invalid by now";
    EXPECT_EQ(end_bad(stream), cudaErrorStreamCaptureInvalidated);
  }
}

TEST_F(SimulatedGraphs, AllocationIsAnError) {
  OwnedStream stream;
  void *before = nullptr, *memory = nullptr;
  ok(cudaMalloc(&before, 64));
  const std::vector<std::function<cudaError_t()>> calls{
      [&] { return cudaMalloc(&memory, 64); },     [&] { return cudaMallocAsync(&memory, 64, stream); },
      [&] { return cudaMallocHost(&memory, 64); }, [&] { return cudaFree(before); },
      [&] { return cudaMemset(before, 0, 64); },
  };
  for (const auto& call : calls) {
    begin(stream);
    EXPECT_EQ(call(), cudaErrorStreamCaptureUnsupported);
    EXPECT_EQ(end_bad(stream), cudaErrorStreamCaptureInvalidated);
  }
  ok(cudaFree(before));
}

TEST_F(SimulatedGraphs, ModesSayWhomACaptureRestrains) {
  OwnedStream stream;
  const auto allocate = [] {
    void* memory = nullptr;
    const cudaError_t code = cudaMalloc(&memory, 64);
    if (memory) ok(cudaFree(memory));
    return code;
  };
  const auto allocate_in_other_thread = [&] {
    cudaError_t code = cudaSuccess;
    std::thread([&] { code = allocate(); }).join();
    return code;
  };
  begin(stream, cudaStreamCaptureModeRelaxed);
  EXPECT_EQ(allocate(), cudaSuccess);
  EXPECT_EQ(allocate_in_other_thread(), cudaSuccess);
  { const Executable graph(stream); }

  begin(stream, cudaStreamCaptureModeThreadLocal);
  EXPECT_EQ(allocate_in_other_thread(), cudaSuccess);
  EXPECT_EQ(allocate(), cudaErrorStreamCaptureUnsupported);
  EXPECT_EQ(end_bad(stream), cudaErrorStreamCaptureInvalidated);

  begin(stream, cudaStreamCaptureModeGlobal);
  EXPECT_EQ(allocate_in_other_thread(), cudaErrorStreamCaptureUnsupported);
  EXPECT_EQ(end_bad(stream), cudaErrorStreamCaptureInvalidated);

  begin(stream, cudaStreamCaptureModeGlobal);
  cudaStreamCaptureMode mode = cudaStreamCaptureModeRelaxed;
  ok(cudaThreadExchangeStreamCaptureMode(&mode));
  EXPECT_EQ(mode, cudaStreamCaptureModeGlobal);
  EXPECT_EQ(allocate(), cudaSuccess);
  ok(cudaThreadExchangeStreamCaptureMode(&mode));
  { const Executable graph(stream); }
}

TEST_F(SimulatedGraphs, CaptureMustEndWhereAndByWhomItBegan) {
  OwnedStream first, second;
  OwnedEvent fork;
  cudaGraph_t graph = nullptr;
  EXPECT_EQ(cudaStreamEndCapture(first, &graph), cudaErrorIllegalState);
  begin(first);
  EXPECT_EQ(cudaStreamBeginCapture(first, cudaStreamCaptureModeGlobal), cudaErrorIllegalState);
  cudaError_t of_other_thread = cudaSuccess;
  std::thread([&] { of_other_thread = cudaStreamEndCapture(first, &graph); }).join();
  EXPECT_EQ(of_other_thread, cudaErrorStreamCaptureWrongThread);
  ok(cudaEventRecord(fork, first));
  ok(cudaStreamWaitEvent(second, fork, 0));
  EXPECT_EQ(end_bad(second), cudaErrorStreamCaptureUnmatched);
}

TEST_F(SimulatedGraphs, NoDependencyMayCrossTheCapture) {
  OwnedStream first, second, outside;
  OwnedEvent event, other;
  ok(cudaEventRecord(event, outside));
  begin(first);
  EXPECT_EQ(cudaStreamWaitEvent(first, event, 0), cudaErrorStreamCaptureIsolation);
  EXPECT_EQ(end_bad(first), cudaErrorStreamCaptureInvalidated);

  begin(first);
  begin(second);
  ok(cudaEventRecord(event, first));
  EXPECT_EQ(cudaStreamWaitEvent(second, event, 0), cudaErrorStreamCaptureMerge);
  EXPECT_EQ(end_bad(first), cudaErrorStreamCaptureInvalidated);
  EXPECT_EQ(end_bad(second), cudaErrorStreamCaptureInvalidated);
}

TEST_F(SimulatedGraphs, CapturedEventsTellNothing) {
  // "The thread is still prohibited from, for example, cudaEventQuery on an event last recorded inside a
  // capture."
  OwnedStream stream, outside;
  OwnedEvent event;
  begin(stream, cudaStreamCaptureModeRelaxed);
  ok(cudaEventRecord(event, stream));
  EXPECT_EQ(cudaEventQuery(event), cudaErrorCapturedEvent);
  EXPECT_EQ(end_bad(stream), cudaErrorStreamCaptureInvalidated);
  EXPECT_EQ(cudaEventSynchronize(event), cudaErrorCapturedEvent);
  EXPECT_EQ(cudaStreamWaitEvent(outside, event, 0), cudaErrorCapturedEvent);
  ok(cudaEventRecord(event, stream));
  ok(cudaEventSynchronize(event));
}

TEST_F(SimulatedGraphs, TheLegacyStreamIsNeverCaptured) {
  EXPECT_EQ(cudaStreamBeginCapture(nullptr, cudaStreamCaptureModeGlobal), cudaErrorStreamCaptureUnsupported);
  const DeviceArray<int> array(4);
  OwnedStream blocking(cudaStreamDefault);
  begin(blocking, cudaStreamCaptureModeRelaxed);
  EXPECT_EQ(cudaMemsetAsync(array.get(), 0, array.bytes(), nullptr), cudaErrorStreamCaptureImplicit);
  EXPECT_EQ(end_bad(blocking), cudaErrorStreamCaptureInvalidated);
}

TEST_F(SimulatedGraphs, PageableMemoryIsNotCaptured) {
  OwnedStream stream;
  const DeviceArray<int> array(4);
  std::vector<int> host(4);
  begin(stream);
  EXPECT_EQ(cudaMemcpyAsync(array.get(), host.data(), array.bytes(), cudaMemcpyHostToDevice, stream),
            cudaErrorStreamCaptureUnsupported);
  EXPECT_EQ(end_bad(stream), cudaErrorStreamCaptureInvalidated);
}

TEST_F(SimulatedGraphs, DestructionDoesNotDisturbALaunch) {
  OwnedStream stream;
  int runs = 0;
  {
    begin(stream);
    launch(stream, [&] { ++runs; });
    const Executable graph(stream);
    graph.launch(stream);
  }
  ok(cudaStreamSynchronize(stream));
  EXPECT_EQ(runs, 1);
  EXPECT_EQ(cudaGraphLaunch(nullptr, stream), cudaErrorInvalidValue);
  EXPECT_EQ(cudaGraphDestroy(nullptr), cudaErrorInvalidValue);
}

}  // namespace
}  // namespace slipway::test
