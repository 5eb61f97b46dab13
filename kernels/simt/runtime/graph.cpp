#include <cuda_runtime_api.h>

#include <algorithm>

#include "kernels/simt/runtime/call.h"

// Graphs, which come from captured streams.
namespace slipway::simt {
namespace {

std::uint64_t next_capture_id() {
  static std::uint64_t last = 0;
  return ++last;
}

/// All streams of the capture go back to ordinary work.
void leave_capture(Machine& machine, std::uint64_t id) {
  for (const auto& [handle, entry] : machine.streams) {
    if (entry->state.branch.capture == id) entry->state.branch = {};
  }
  machine.captures.remove_if([&](const Capture& capture) { return capture.id == id; });
}

cudaGraph_t end_capture(Machine& machine, StreamState& stream, cudaStream_t handle, const void* caller) {
  const auto capture = std::find_if(machine.captures.begin(), machine.captures.end(),
                                    [&](const Capture& one) { return one.id == stream.branch.capture; });
  expect(capture != machine.captures.end(), cudaErrorIllegalState);
  expect(capture->mode == cudaStreamCaptureModeRelaxed || capture->thread == std::this_thread::get_id(),
         cudaErrorStreamCaptureWrongThread);
  const std::uint64_t id = capture->id;
  const bool valid = capture->valid;
  const bool own = capture->origin == handle;
  const bool joined = own && all_joined(capture->graph, stream.branch);
  CapturedGraph graph = std::move(capture->graph);
  leave_capture(machine, id);
  expect(valid, cudaErrorStreamCaptureInvalidated);
  expect(own, cudaErrorStreamCaptureUnmatched);
  expect(joined, cudaErrorStreamCaptureUnjoined);
  return reinterpret_cast<cudaGraph_t>(machine.graphs.add(std::move(graph), caller));
}

CapturedGraph& graph_of(Machine& machine, cudaGraph_t handle) {
  CapturedGraph* graph = machine.graphs.find(handle);
  expect(graph, cudaErrorInvalidValue);
  return *graph;
}

}  // namespace
}  // namespace slipway::simt

using namespace slipway::simt;

extern "C" {

cudaError_t cudaStreamBeginCapture(cudaStream_t handle, cudaStreamCaptureMode mode) {
  return call([&](Machine& machine) {
    expect(mode >= cudaStreamCaptureModeGlobal && mode <= cudaStreamCaptureModeRelaxed,
           cudaErrorInvalidValue);
    StreamState& stream = machine.stream(handle);
    // "Capture may not be initiated if stream is cudaStreamLegacy, and only if the stream is not already in
    // capture."
    expect(!machine.is_legacy(stream), cudaErrorStreamCaptureUnsupported);
    expect(stream.branch.capture == 0, cudaErrorIllegalState);
    const std::uint64_t id = next_capture_id();
    machine.captures.push_back(
        {.id = id, .mode = mode, .thread = std::this_thread::get_id(), .origin = handle});
    stream.branch = {id};
  });
}

cudaError_t cudaStreamEndCapture(cudaStream_t handle, cudaGraph_t* graph) {
  const void* caller = __builtin_return_address(0);
  return call([&](Machine& machine) {
    expect(graph, cudaErrorInvalidValue);
    *graph = nullptr;
    *graph = end_capture(machine, machine.stream(handle), handle, caller);
  });
}

cudaError_t cudaStreamIsCapturing(cudaStream_t handle, cudaStreamCaptureStatus* status) {
  return call([&](Machine& machine) {
    expect(status, cudaErrorInvalidValue);
    const std::uint64_t id = machine.stream(handle).branch.capture;
    *status = cudaStreamCaptureStatusNone;
    for (const Capture& capture : machine.captures) {
      if (capture.id != id) continue;
      *status = capture.valid ? cudaStreamCaptureStatusActive : cudaStreamCaptureStatusInvalidated;
    }
  });
}

cudaError_t cudaThreadExchangeStreamCaptureMode(cudaStreamCaptureMode* mode) {
  return call_any_device([&](Machine&) {
    expect(mode && *mode >= cudaStreamCaptureModeGlobal && *mode <= cudaStreamCaptureModeRelaxed,
           cudaErrorInvalidValue);
    std::swap(*mode, host_thread().capture_mode);
  });
}

cudaError_t cudaGraphGetNodes(cudaGraph_t handle, cudaGraphNode_t* nodes, std::size_t* count) {
  return call([&](Machine& machine) {
    // Nodes have no handles here; only their number can be asked for.
    expect(count && !nodes, cudaErrorInvalidValue);
    *count = graph_of(machine, handle).operations.size();
  });
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t handle, unsigned long long flags) {
  const void* caller = __builtin_return_address(0);
  return call([&](Machine& machine) {
    const unsigned long long known = cudaGraphInstantiateFlagUseNodePriority;
    expect(executable && (flags & ~known) == 0, cudaErrorInvalidValue);
    ExecutableGraph state{.graph = graph_of(machine, handle)};
    *executable = reinterpret_cast<cudaGraphExec_t>(machine.executables.add(std::move(state), caller));
  });
}

cudaError_t cudaGraphUpload(cudaGraphExec_t handle, cudaStream_t stream) {
  return call([&](Machine& machine) {
    expect(machine.executables.find(handle), cudaErrorInvalidValue);
    machine.stream(stream);  // nothing needs to be uploaded, but the handle must be good
  });
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t handle, cudaStream_t stream_handle) {
  return call([&](Machine& machine) {
    ExecutableGraph* executable = machine.executables.find(handle);
    expect(executable, cudaErrorInvalidValue);
    StreamState& stream = machine.stream(stream_handle);
    if (Capture* capture = capture_of(machine, stream)) {  // graphs within graphs are not simulated
      capture->valid = false;
      throw Failure{cudaErrorStreamCaptureUnsupported};
    }
    launch_graph(machine, *executable, stream);
  });
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  return call([&](Machine& machine) { expect(machine.graphs.remove(graph), cudaErrorInvalidValue); });
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t handle) {
  return call([&](Machine& machine) {
    ExecutableGraph* executable = machine.executables.find(handle);
    expect(executable, cudaErrorInvalidValue);
    for (Lane lane : executable->lanes) machine.schedule.close_lane(lane);
    machine.executables.remove(handle);
  });
}

}  // extern "C"
