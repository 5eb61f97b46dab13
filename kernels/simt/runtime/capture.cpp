#include "kernels/simt/runtime/capture.h"

#include <algorithm>

#include "kernels/simt/runtime/call.h"
#include "kernels/simt/runtime/machine.h"

namespace slipway::simt {

Capture* capture_of(Machine& machine, const StreamState& stream) {
  if (stream.branch.capture == 0) return nullptr;
  const auto capture = std::find_if(machine.captures.begin(), machine.captures.end(),
                                    [&](const Capture& one) { return one.id == stream.branch.capture; });
  expect(capture != machine.captures.end() && capture->valid, cudaErrorStreamCaptureInvalidated);
  return &*capture;
}

void append(Capture& capture, CaptureBranch& branch, Operation operation) {
  const std::size_t index = capture.graph.operations.size();
  capture.graph.operations.push_back({std::move(operation), branch.index, std::move(branch.after)});
  branch.after = {index};
}

void join_capture(Machine& machine, StreamState& stream, const CaptureBranch& recorded) {
  const auto capture = std::find_if(machine.captures.begin(), machine.captures.end(),
                                    [&](const Capture& one) { return one.id == recorded.capture; });
  expect(capture != machine.captures.end(), cudaErrorCapturedEvent);
  if (stream.branch.capture != 0 && stream.branch.capture != recorded.capture) {
    capture->valid = false;
    capture_of(machine, stream)->valid = false;
    throw Failure{cudaErrorStreamCaptureMerge};
  }
  expect(capture->valid, cudaErrorStreamCaptureInvalidated);
  if (stream.branch.capture == 0) stream.branch = {capture->id, capture->graph.branches++};
  auto& after = stream.branch.after;
  after.insert(after.end(), recorded.after.begin(), recorded.after.end());
  std::sort(after.begin(), after.end());
  after.erase(std::unique(after.begin(), after.end()), after.end());
}

bool all_joined(const CapturedGraph& graph, const CaptureBranch& branch) {
  std::vector<char> reached(graph.operations.size());
  for (std::size_t index : branch.after) reached[index] = 1;
  // Dependencies point backwards, so that one pass from the end reaches every ancestor.
  for (std::size_t index = reached.size(); index-- > 0;) {
    if (!reached[index]) return false;
    for (std::size_t earlier : graph.operations[index].after) reached[earlier] = 1;
  }
  return true;
}

void launch_graph(Machine& machine, ExecutableGraph& executable, StreamState& stream) {
  ++machine.usage.graphs;
  const CapturedGraph& graph = executable.graph;
  Operation mark{.name = "cudaGraphLaunch", .device = stream.device};
  // "Each launch of a graph is ordered behind previous launches of it." (cudaGraphLaunch)
  std::vector<Ticket> before;
  if (executable.last_launch) before.push_back(executable.last_launch);
  const Ticket begin = machine.submit(stream, mark, before);
  while (executable.lanes.size() + 1 < graph.branches)
    executable.lanes.push_back(machine.schedule.open_lane());

  std::vector<Ticket> tickets;
  for (const CapturedOperation& captured : graph.operations) {
    std::vector<Ticket> after{begin};
    for (std::size_t earlier : captured.after) after.push_back(tickets[earlier]);
    const Lane lane = captured.branch == 0 ? stream.lane : executable.lanes[captured.branch - 1];
    tickets.push_back(machine.schedule.enqueue(lane, {captured.operation, std::move(after)}));
  }
  executable.last_launch = machine.submit(stream, mark, tickets);
}

}  // namespace slipway::simt
