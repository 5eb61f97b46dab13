#include <cuda_runtime_api.h>

#include <algorithm>

#include "kernels/simt/runtime/call.h"
#include "kernels/simt/runtime/properties.h"

// Streams, what they wait for, and who waits for them.
namespace slipway::simt {
namespace {

cudaError_t create_stream(cudaStream_t* handle, unsigned flags, int priority, const void* caller) {
  return call([&](Machine& machine) {
    expect(handle && (flags == cudaStreamDefault || flags == cudaStreamNonBlocking), cudaErrorInvalidValue);
    StreamState stream{.device = host_thread().device, .flags = flags};
    // "If an out of range priority is given, it is clamped." (cudaStreamCreateWithPriority)
    stream.priority = std::clamp(priority, kGreatestStreamPriority, kLeastStreamPriority);
    stream.lane = machine.schedule.open_lane();
    *handle = reinterpret_cast<cudaStream_t>(machine.streams.add(std::move(stream), caller));
  });
}

/// A capturing stream has no work that could be waited for; trying it ends the capture.
void expect_no_host_wait_in_capture(Machine& machine, const StreamState& stream) {
  if (Capture* capture = capture_of(machine, stream)) {
    capture->valid = false;
    throw Failure{cudaErrorStreamCaptureUnsupported};
  }
  expect_capture_allows_unsafe_call();
}

void wait_for_event(Machine& machine, StreamState& stream, const EventState& event) {
  if (event.capture.capture != 0) return join_capture(machine, stream, event.capture);
  // "Before the first call to cudaEventRecord(), an event represents an empty set of work."
  if (!event.recorded) return;
  if (Capture* capture = capture_of(machine, stream)) {
    capture->valid = false;
    throw Failure{cudaErrorStreamCaptureIsolation};
  }
  machine.submit(stream, {.name = "cudaStreamWaitEvent", .device = stream.device}, {event.recorded});
}

}  // namespace
}  // namespace slipway::simt

using namespace slipway::simt;

extern "C" {

cudaError_t cudaStreamCreate(cudaStream_t* stream) {
  return create_stream(stream, cudaStreamDefault, 0, __builtin_return_address(0));
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  return create_stream(stream, flags, 0, __builtin_return_address(0));
}

cudaError_t cudaStreamCreateWithPriority(cudaStream_t* stream, unsigned flags, int priority) {
  return create_stream(stream, flags, priority, __builtin_return_address(0));
}

cudaError_t cudaStreamDestroy(cudaStream_t handle) {
  return call([&](Machine& machine) {
    StreamState* stream = machine.streams.find(handle);
    expect(stream, cudaErrorInvalidResourceHandle);
    for (Capture& capture : machine.captures) {
      if (capture.id == stream->branch.capture) capture.valid = false;
    }
    // "Will return immediately, and resources be released once the device has completed all work in the
    // stream."
    machine.schedule.close_lane(stream->lane);
    machine.streams.remove(handle);
  });
}

cudaError_t cudaStreamSynchronize(cudaStream_t handle) {
  return call([&](Machine& machine) {
    StreamState& stream = machine.stream(handle);
    expect_no_host_wait_in_capture(machine, stream);
    machine.wait(machine.everything_in(stream));
  });
}

cudaError_t cudaStreamQuery(cudaStream_t handle) {
  return call([&](Machine& machine) {
    StreamState& stream = machine.stream(handle);
    expect_no_host_wait_in_capture(machine, stream);
    expect(machine.query(machine.everything_in(stream)), cudaErrorNotReady);
  });
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags) {
  return call([&](Machine& machine) {
    expect(flags == cudaEventWaitDefault, cudaErrorInvalidValue);
    wait_for_event(machine, machine.stream(stream), machine.event(event));
  });
}

cudaError_t cudaStreamGetFlags(cudaStream_t stream, unsigned* flags) {
  return call([&](Machine& machine) {
    expect(flags, cudaErrorInvalidValue);
    *flags = machine.stream(stream).flags;
  });
}

cudaError_t cudaStreamGetPriority(cudaStream_t stream, int* priority) {
  return call([&](Machine& machine) {
    expect(priority, cudaErrorInvalidValue);
    *priority = machine.stream(stream).priority;
  });
}

cudaError_t cudaStreamGetDevice(cudaStream_t stream, int* device) {
  return call([&](Machine& machine) {
    expect(device, cudaErrorInvalidValue);
    *device = machine.stream(stream).device;
  });
}

cudaError_t cudaLaunchHostFunc(cudaStream_t handle, cudaHostFn_t function, void* data) {
  const void* caller = __builtin_return_address(0);
  return call([&](Machine& machine) {
    expect(function, cudaErrorInvalidValue);
    StreamState& stream = machine.stream(handle);
    machine.submit(stream, {.name = "cudaLaunchHostFunc",
                            .kind = OperationKind::host_function,
                            .device = stream.device,
                            .run =
                                [function, data] {
                                  host_thread().in_host_function = true;
                                  function(data);
                                  host_thread().in_host_function = false;
                                },
                            .caller = caller});
  });
}

}  // extern "C"
