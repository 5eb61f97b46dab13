#include "core/runtime/recording.h"

#include <gtest/gtest.h>

#include "core/runtime/executor.h"
#include "core/runtime/readback.h"
#include "tests/support/cuda_device.h"

namespace slipway::test {
namespace {

/// y = x, and what else a test wants of its run.
class Copies : public Op {
 public:
  using Also = std::function<void(const Stream&)>;
  explicit Copies(Also also = [](const Stream&) {}) : also_(std::move(also)) {}
  std::string_view name() const override { return "copies"; }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override { return {inputs[0]}; }
  void run(OpContext& context) const override {
    also_(context.stream);
    enqueue_copy(context.stream, context.input(0), context.output());
  }

 private:
  Also also_;
};

const ValueType kType(DType::float32, {3});

class CudaRecording : public CudaDeviceTest {
 protected:
  /// x -> 'first' -> 'second' -> 'third' -> y; the second does `also`.
  Executor chain(
      const Stream& stream, const Copies::Also& also = [](const Stream&) {}) const {
    Graph graph;
    Value value = graph.add(Copies(), {graph.input("x", kType)}, "first");
    value = graph.add(Copies(also), {value}, "second");
    graph.output("y", graph.add(Copies(), {value}, "third"));
    return Executor(std::move(graph), stream, Variables(stream), {.capture = true});
  }

  /// Runs with another input each time.
  static void expect_copies(Executor& executor) {
    for (const float value : {1.0f, 2.0f, 3.0f, 4.0f}) {
      const Tensor x = Tensor::full(DType::float32, {3}, value);
      executor.bind("x", x);
      executor.run();
      EXPECT_EQ(executor.read("y").at({2}), value);
    }
  }
};

TEST_F(CudaRecording, ReplaysTheSecondRun) {
  int calls = 0;
  Executor executor = chain(stream_, [&](const Stream&) { ++calls; });
  EXPECT_EQ(executor.recording(), nullptr);
  expect_copies(executor);
  ASSERT_NE(executor.recording(), nullptr);
  EXPECT_EQ(executor.recording()->recorded_parts(), 1u);
  EXPECT_EQ(executor.recording()->left_out(), 0u);
  EXPECT_EQ(calls, 2);  // of which the first readied it
}

TEST_F(CudaRecording, LeavesOutWhatWaitsOrAllocates) {
  const Tensor pageable = Tensor::zeros(DType::float32, {3}), there(kType, device_);
  const std::vector<Copies::Also> hindrances = {
      [](const Stream& stream) { synchronize(stream); },
      [](const Stream& stream) { const Buffer buffer(stream.device, 16); },
      [&](const Stream& stream) { enqueue_copy(stream, pageable, there); }};
  for (const Copies::Also& hindrance : hindrances) {
    Executor executor = chain(stream_, hindrance);
    expect_copies(executor);
    ASSERT_NE(executor.recording(), nullptr);
    EXPECT_EQ(executor.recording()->recorded_parts(), 2u);
    EXPECT_EQ(executor.recording()->left_out(), 1u);
  }
}

TEST_F(CudaRecording, NamesTheOpThatFailsInACapture) {
  int calls = 0;
  Executor executor = chain(stream_, [&](const Stream&) { require(++calls == 1, "no luck"); });
  executor.bind("x", Tensor::zeros(DType::float32, {3}));
  executor.run();
  for (int run = 0; run < 2; ++run) {
    try {
      executor.run();
      FAIL() << "nothing was thrown";
    } catch (const Error& error) {
      EXPECT_STREQ(error.what(), "copies 'second': no luck");
    }
  }
}

TEST_F(CudaRecording, RunsUncapturedWhereItMust) {
  Stream synchronous = stream_;
  synchronous.synchronous = true;
  Executor waiting = chain(synchronous);
  expect_copies(waiting);
  EXPECT_EQ(waiting.recording(), nullptr);
  Executor without_queue = chain({.device = device_});
  expect_copies(without_queue);
  EXPECT_EQ(without_queue.recording()->left_out(), 3u);
}

TEST_F(CudaRecording, EventsOrderTwoQueues) {
  const Queue other(device_);
  const Stream copying{.device = device_, .native = other.native()};
  const PinnedBuffer pinned(device_, kType.bytes());
  const Tensor there(kType, device_), moved(kType, device_);
  Event uploaded(device_, EventKind::time), done(device_, EventKind::time);
  Readback readback(stream_, kType.bytes());
  uploaded.synchronize();  // nothing was recorded
  for (const float value : {5.0f, 6.0f, 7.0f}) {
    std::fill_n(reinterpret_cast<float*>(pinned.data()), 3, value);
    done.hold(copying);
    device_backend(device_).enqueue_upload(
        copying, {.from = pinned.data(), .to = there.view().data, .bytes = kType.bytes()});
    uploaded.record(copying);
    uploaded.hold(stream_);
    enqueue_copy(stream_, there, moved);
    done.record(stream_);
    const TensorView host = readback.enqueue(moved);
    EXPECT_THROW(readback.enqueue(moved), Error);  // there is room for one
    readback.wait();
    EXPECT_EQ(host.as<float>()[2], value);
    EXPECT_GE(done.seconds_since(uploaded), 0);
  }
  EXPECT_THROW(readback.enqueue(Tensor::zeros(DType::float32, {3})), Error);  // it lies on the host
}

}  // namespace
}  // namespace slipway::test
