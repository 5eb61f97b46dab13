#include <memory>

#include "kernels/simt/runtime/control.h"
#include "tests/kernels/simt/runtime/support.h"

// Correct programs, of which nothing is reported and whose results are right, whatever the seed.
namespace slipway::test {
namespace {

using SimulatedOrdering = SimulatedRuntime;
constexpr std::size_t kCount = 256;

void expect_silent() { EXPECT_EQ(count_findings(), 0u) << finding_texts(); }

TEST_F(SimulatedOrdering, PingPongBuffers) {
  for_each_seed([] {
    constexpr int kBatches = 20;
    OwnedStream copies, compute;
    const PinnedArray<int> host_a(kCount), host_b(kCount), results(kCount * kBatches);
    const DeviceArray<int> device_a(kCount), device_b(kCount);
    const PinnedArray<int>* host[] = {&host_a, &host_b};
    const DeviceArray<int>* device[] = {&device_a, &device_b};
    OwnedEvent copied[2], used[2];
    for (int batch = 0; batch < kBatches; ++batch) {
      const int slot = batch % 2;
      ok(cudaEventSynchronize(copied[slot]));  // the host may write to its buffer again
      std::fill(host[slot]->begin(), host[slot]->end(), batch);
      ok(cudaStreamWaitEvent(copies, used[slot], 0));
      to_device(*device[slot], *host[slot], copies);
      ok(cudaEventRecord(copied[slot], copies));
      ok(cudaStreamWaitEvent(compute, copied[slot], 0));
      ok(cudaMemcpyAsync(results.get() + batch * kCount, device[slot]->get(), device[slot]->bytes(),
                         cudaMemcpyDeviceToHost, compute));
      ok(cudaEventRecord(used[slot], compute));
    }
    ok(cudaStreamSynchronize(compute));
    for (std::size_t i = 0; i < results.size(); ++i) ASSERT_EQ(results[i], static_cast<int>(i / kCount));
    ok(cudaStreamSynchronize(copies));
    expect_silent();
  });
}

TEST_F(SimulatedOrdering, CaptureAndTenReplays) {
  for_each_seed([] {
    OwnedStream stream, side;
    OwnedEvent fork, join;
    const PinnedArray<int> input(kCount), output(kCount);
    const DeviceArray<int> array(kCount), left(kCount), right(kCount);
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t executable = nullptr;
    ok(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
    to_device(array, input, stream);
    ok(cudaEventRecord(fork, stream));
    ok(cudaStreamWaitEvent(side, fork, 0));
    ok(cudaMemcpyAsync(left.get(), array.get(), array.bytes(), cudaMemcpyDeviceToDevice, stream));
    ok(cudaMemcpyAsync(right.get(), array.get(), array.bytes(), cudaMemcpyDeviceToDevice, side));
    ok(cudaEventRecord(join, side));
    ok(cudaStreamWaitEvent(stream, join, 0));
    to_host(output, right, stream);
    ok(cudaStreamEndCapture(stream, &graph));
    ok(cudaGraphInstantiate(&executable, graph, 0));
    for (int replay = 0; replay < 10; ++replay) {
      std::fill(input.begin(), input.end(), replay);
      ok(cudaGraphLaunch(executable, stream));
      ok(cudaStreamSynchronize(stream));
      EXPECT_TRUE(output.all(replay));
    }
    ok(cudaGraphExecDestroy(executable));
    ok(cudaGraphDestroy(graph));
    expect_silent();
  });
}

TEST_F(SimulatedOrdering, PipelineOfThreeStreams) {
  for_each_seed([] {
    constexpr std::size_t kSteps = 8;
    OwnedStream upload, compute, download;
    const PinnedArray<int> input(kCount * kSteps), output(kCount * kSteps);
    const DeviceArray<int> in(kCount * kSteps), out(kCount * kSteps);
    for (std::size_t i = 0; i < input.size(); ++i) input[i] = static_cast<int>(i);
    std::vector<std::unique_ptr<OwnedEvent>> events;
    const auto hand_over = [&](cudaStream_t from, cudaStream_t to) {
      events.push_back(std::make_unique<OwnedEvent>(cudaEventDisableTiming));
      ok(cudaEventRecord(*events.back(), from));
      ok(cudaStreamWaitEvent(to, *events.back(), 0));
    };
    constexpr std::size_t kBytes = kCount * sizeof(int);
    for (std::size_t step = 0; step < kSteps; ++step) {
      const std::size_t at = step * kCount;
      ok(cudaMemcpyAsync(in.get() + at, input.get() + at, kBytes, cudaMemcpyHostToDevice, upload));
      hand_over(upload, compute);
      ok(cudaMemcpyAsync(out.get() + at, in.get() + at, kBytes, cudaMemcpyDeviceToDevice, compute));
      hand_over(compute, download);
      ok(cudaMemcpyAsync(output.get() + at, out.get() + at, kBytes, cudaMemcpyDeviceToHost, download));
    }
    ok(cudaStreamSynchronize(download));
    EXPECT_TRUE(std::equal(input.begin(), input.end(), output.begin()));
    expect_silent();
  });
}

TEST_F(SimulatedOrdering, PeerCopyBetweenDevices) {
  for_each_seed([] {
    OwnedStream here;
    ok(cudaSetDevice(1));
    OwnedStream there;
    ok(cudaSetDevice(0));
    OwnedEvent sent;
    const DeviceArray<int> source(kCount, 0), target(kCount, 1);
    const PinnedArray<int> input(kCount, 3), output(kCount);
    to_device(source, input, here);
    ok(cudaMemcpyPeerAsync(target.get(), 1, source.get(), 0, source.bytes(), here));
    ok(cudaEventRecord(sent, here));
    ok(cudaStreamWaitEvent(there, sent, 0));
    to_host(output, target, there);
    ok(cudaStreamSynchronize(there));
    EXPECT_TRUE(output.all(3));
    expect_silent();
  });
}

TEST_F(SimulatedOrdering, ManyReadersThenOneWriter) {
  for_each_seed([] {
    OwnedStream writer, readers[3];
    OwnedEvent written, read[3];
    const DeviceArray<int> array(kCount);
    const PinnedArray<int> a(kCount), b(kCount), c(kCount);
    const PinnedArray<int>* results[] = {&a, &b, &c};
    for (int round = 0; round < 4; ++round) {
      for (OwnedEvent& event : read) ok(cudaStreamWaitEvent(writer, event, 0));
      ok(cudaMemsetAsync(array.get(), round, array.bytes(), writer));
      ok(cudaEventRecord(written, writer));
      for (int i = 0; i < 3; ++i) {
        ok(cudaStreamWaitEvent(readers[i], written, 0));
        to_host(*results[i], array, readers[i]);
        ok(cudaEventRecord(read[i], readers[i]));
      }
    }
    ok(cudaDeviceSynchronize());
    for (const auto* result : results) EXPECT_TRUE(result->all(0x03030303));
    expect_silent();
  });
}

TEST_F(SimulatedOrdering, PinnedBufferThatIsTargetThenSource) {
  for_each_seed([] {
    OwnedStream stream;
    const DeviceArray<int> from(kCount), to(kCount);
    const PinnedArray<int> staging(kCount), result(kCount);
    ok(cudaMemsetAsync(from.get(), 5, from.bytes(), stream));
    to_host(staging, from, stream);
    to_device(to, staging, stream);
    to_host(staging, from, stream);  // must not spoil what the copy before it still has to read
    to_host(result, to, stream);
    ok(cudaStreamSynchronize(stream));
    EXPECT_TRUE(result.all(0x05050505));
    expect_silent();
  });
}

TEST_F(SimulatedOrdering, PinnedBufferThatIsSourceThenTarget) {
  for_each_seed([] {
    OwnedStream stream;
    const DeviceArray<int> from(kCount), to(kCount);
    const PinnedArray<int> staging(kCount, 9), result(kCount);
    ok(cudaMemsetAsync(from.get(), 5, from.bytes(), stream));
    to_device(to, staging, stream);
    to_host(staging, from, stream);  // must not spoil what the copy before it still has to read
    to_host(result, to, stream);
    ok(cudaStreamSynchronize(stream));
    EXPECT_TRUE(result.all(9));
    EXPECT_TRUE(staging.all(0x05050505));
    expect_silent();
  });
}

TEST_F(SimulatedOrdering, WaitsOfTheHost) {
  for_each_seed([] {
    OwnedStream first, second, third;
    OwnedEvent done;
    const DeviceArray<int> array(kCount);
    const PinnedArray<int> result(kCount);
    ok(cudaMemsetAsync(array.get(), 1, array.bytes(), first));
    ok(cudaStreamSynchronize(first));
    ok(cudaMemsetAsync(array.get(), 2, array.bytes(), second));
    ok(cudaEventRecord(done, second));
    while (cudaEventQuery(done) == cudaErrorNotReady) continue;
    to_host(result, array, third);
    ok(cudaStreamSynchronize(third));
    EXPECT_TRUE(result.all(0x02020202));
    expect_silent();
  });
}

TEST_F(SimulatedOrdering, WaitingMakesMemoryFree) {
  for_each_seed([] {
    OwnedStream stream, other;
    OwnedEvent done;
    for (int round = 0; round < 5; ++round) {
      const DeviceArray<int> array(kCount);
      ok(cudaMemsetAsync(array.get(), round, array.bytes(), stream));
      ok(cudaEventRecord(done, stream));
      ok(cudaStreamWaitEvent(other, done, 0));
      ok(cudaMemsetAsync(array.get(), round, array.bytes(), other));
      ok(cudaStreamSynchronize(other));
    }
    EXPECT_EQ(simt::report_leaks(), 3u);  // the streams and the event
    EXPECT_EQ(count_findings(), count_findings("leak")) << finding_texts();
  });
}

}  // namespace
}  // namespace slipway::test
