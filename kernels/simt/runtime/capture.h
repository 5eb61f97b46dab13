#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>
#include <thread>
#include <vector>

#include "kernels/simt/runtime/schedule.h"

namespace slipway::simt {

/// Where a stream, or an event's record, stands in a capture.
struct CaptureBranch {
  std::uint64_t capture = 0;         // 0: not captured
  std::size_t index = 0;             // 0 is the stream that the capture began in
  std::vector<std::size_t> after{};  // the operations that the next one depends on
};

struct CapturedOperation {
  Operation operation;
  std::size_t branch = 0;
  std::vector<std::size_t> after;  // earlier operations, by index
};

/// What cudaGraph_t points to.
struct CapturedGraph {
  std::vector<CapturedOperation> operations;
  std::size_t branches = 1;  // one a stream
};

/// What cudaGraphExec_t points to.
struct ExecutableGraph {
  CapturedGraph graph;
  std::vector<Lane> lanes;  // of the branches but the first, which runs in the stream of the launch
  Ticket last_launch;
};

/// From cudaStreamBeginCapture to cudaStreamEndCapture.
struct Capture {
  std::uint64_t id = 0;
  cudaStreamCaptureMode mode = cudaStreamCaptureModeGlobal;
  std::thread::id thread;
  cudaStream_t origin = nullptr;
  CapturedGraph graph = {};
  bool valid = true;
};

struct StreamState;
class Machine;

/// The capture that the stream takes part in; null if it captures nothing. Failure if the capture is invalid.
Capture* capture_of(Machine& machine, const StreamState& stream);

/// Appends the operation to the graph that the stream captures.
void append(Capture& capture, CaptureBranch& branch, Operation operation);

/// What the stream captures next depends on what the event recorded; the stream joins the event's capture.
void join_capture(Machine& machine, StreamState& stream, const CaptureBranch& recorded);

/// Whether all captured work is an ancestor of what the branch captures next.
bool all_joined(const CapturedGraph& graph, const CaptureBranch& branch);

/// Enqueues every operation of the graph; branches run in any order that their dependencies allow.
void launch_graph(Machine& machine, ExecutableGraph& executable, StreamState& stream);

}  // namespace slipway::simt
