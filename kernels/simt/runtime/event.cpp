#include <cuda_runtime_api.h>

#include "kernels/simt/runtime/call.h"

// Events.
namespace slipway::simt {
namespace {

cudaError_t create_event(cudaEvent_t* handle, unsigned flags, const void* caller) {
  return call([&](Machine& machine) {
    expect(handle && (flags & ~(cudaEventBlockingSync | cudaEventDisableTiming)) == 0, cudaErrorInvalidValue);
    EventState event{.device = host_thread().device, .flags = flags};
    *handle = reinterpret_cast<cudaEvent_t>(machine.events.add(std::move(event), caller));
  });
}

/// An event whose record is captured tells nothing of any launch.
EventState& waitable(Machine& machine, cudaEvent_t handle) {
  EventState& event = machine.event(handle);
  if (event.capture.capture != 0) {
    for (Capture& capture : machine.captures) {
      if (capture.id == event.capture.capture) capture.valid = false;
    }
    throw Failure{cudaErrorCapturedEvent};
  }
  expect_capture_allows_unsafe_call();
  return event;
}

}  // namespace
}  // namespace slipway::simt

using namespace slipway::simt;

extern "C" {

cudaError_t cudaEventCreate(cudaEvent_t* event) {
  return create_event(event, cudaEventDefault, __builtin_return_address(0));
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags) {
  return create_event(event, flags, __builtin_return_address(0));
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  // Who waits for what it captured goes on waiting.
  return call(
      [&](Machine& machine) { expect(machine.events.remove(event), cudaErrorInvalidResourceHandle); });
}

cudaError_t cudaEventRecord(cudaEvent_t handle, cudaStream_t stream_handle) {
  return call([&](Machine& machine) {
    EventState& event = machine.event(handle);
    StreamState& stream = machine.stream(stream_handle);
    expect(event.device == stream.device, cudaErrorInvalidResourceHandle);
    if (capture_of(machine, stream)) {
      event.capture = stream.branch;
      return;
    }
    event.recorded = machine.submit(stream, {.name = "cudaEventRecord", .device = stream.device});
    event.capture = {};
  });
}

cudaError_t cudaEventSynchronize(cudaEvent_t handle) {
  return call([&](Machine& machine) { machine.wait(waitable(machine, handle).recorded); });
}

cudaError_t cudaEventQuery(cudaEvent_t handle) {
  return call([&](Machine& machine) {
    expect(machine.query(waitable(machine, handle).recorded), cudaErrorNotReady);
  });
}

cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t start_handle, cudaEvent_t end_handle) {
  return call([&](Machine& machine) {
    expect(milliseconds, cudaErrorInvalidValue);
    const EventState& start = waitable(machine, start_handle);
    const EventState& end = waitable(machine, end_handle);
    const bool timed = ((start.flags | end.flags) & cudaEventDisableTiming) == 0;
    const bool comparable = timed && start.device == end.device && start.recorded && end.recorded;
    expect(comparable, cudaErrorInvalidResourceHandle);
    expect(start.recorded->done && end.recorded->done, cudaErrorNotReady);
    *milliseconds = static_cast<float>((end.recorded->finished_at - start.recorded->finished_at) / 1000);
  });
}

}  // extern "C"
