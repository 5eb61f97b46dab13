#include "kernels/simt/runtime/machine.h"

#include <algorithm>
#include <cstdlib>

#include "core/base/error.h"
#include "kernels/simt/arena.h"
#include "kernels/simt/report.h"
#include "kernels/simt/runtime/call.h"
#include "kernels/simt/runtime/pinned_guard.h"
#include "kernels/simt/settings.h"

namespace slipway::simt {
namespace {

constexpr std::size_t kPageBytes = 4096;
// A GPU's queue is finite as well: a program that never waits is made to.
constexpr std::size_t kMaxPending = 1024;

std::unique_ptr<Machine>& instance() {
  // Never destroyed: programs release what they hold in destructors of their static objects.
  static auto& machine = *new std::unique_ptr<Machine>;
  return machine;
}

/// A capture can't see that work of the legacy stream would wait for it.
void expect_no_implicit_capture(Machine& machine, const StreamState& stream) {
  if (!machine.is_legacy(stream)) return;
  for (const auto& [handle, entry] : machine.streams) {
    const StreamState& other = entry->state;
    const bool blocking = !(other.flags & cudaStreamNonBlocking);
    if (!blocking || other.device != stream.device || other.branch.capture == 0) continue;
    if (Capture* capture = capture_of(machine, other)) capture->valid = false;
    throw Failure{cudaErrorStreamCaptureImplicit};
  }
}

}  // namespace

Machine& machine() {
  if (!instance()) instance() = std::make_unique<Machine>();
  return *instance();
}

bool has_machine() { return instance() != nullptr; }

void restart() {
  const std::lock_guard lock(call_mutex());
  if (instance()) {
    for (const auto& allocation : instance()->memory.live()) instance()->release(allocation, "restart");
  }
  instance() = nullptr;
  forget_host_threads();
}

Usage usage() {
  const std::lock_guard lock(call_mutex());
  return machine().usage;
}

Machine::Machine()
    : schedule(settings().seed, [this](const Turn& turn) { execute(turn); }),
      devices(static_cast<std::size_t>(settings().devices)) {
  for (std::size_t device = 0; device < devices.size(); ++device) {
    devices[device].legacy.device = static_cast<int>(device);
    devices[device].legacy.lane = schedule.open_lane();
  }
}

DeviceState& Machine::current_device() { return device(host_thread().device); }

StreamState& Machine::stream(cudaStream_t handle) {
  if (handle == nullptr || handle == cudaStreamLegacy) {
    return current_device().legacy;
  }
  StreamState* found = streams.find(handle);
  expect(found, cudaErrorInvalidResourceHandle);
  return *found;
}

EventState& Machine::event(cudaEvent_t handle) {
  EventState* found = events.find(handle);
  expect(found, cudaErrorInvalidResourceHandle);
  return *found;
}

std::vector<Ticket> Machine::implicit_order(const StreamState& stream) const {
  std::vector<Ticket> after;
  const auto add = [&](const StreamState& other) {
    if (const Ticket& tail = schedule.tail(other.lane)) after.push_back(tail);
  };
  if (stream.flags & cudaStreamNonBlocking) return after;
  if (!is_legacy(stream)) {
    add(device(stream.device).legacy);
    return after;
  }
  for (const auto& [handle, entry] : streams) {
    const StreamState& other = entry->state;
    if (other.device == stream.device && !(other.flags & cudaStreamNonBlocking)) add(other);
  }
  return after;
}

Ticket Machine::submit(StreamState& stream, Operation operation, std::vector<Ticket> after) {
  if (Capture* capture = capture_of(*this, stream)) {
    append(*capture, stream.branch, std::move(operation));
    return nullptr;
  }
  expect_no_implicit_capture(*this, stream);
  for (Ticket& ticket : implicit_order(stream)) after.push_back(std::move(ticket));
  const Ticket ticket = schedule.enqueue(stream.lane, {std::move(operation), std::move(after)});
  while (schedule.pending(stream.lane) > kMaxPending && schedule.run_one()) continue;
  progress_.notify_all();
  return ticket;
}

Ticket Machine::everything_in(StreamState& stream) {
  // The legacy stream also stands for the work of the streams that it blocks.
  if (is_legacy(stream)) return submit(stream, {.name = "cudaStreamSynchronize", .device = stream.device});
  return schedule.tail(stream.lane);
}

void Machine::wait(const Ticket& ticket) {
  if (!ticket) return;
  if (!ticket->done) ++usage.host_waits;
  while (!ticket->done) {
    if (!schedule.run_one()) wait_for_other_threads(ticket);
  }
  idle_threads_.erase(std::this_thread::get_id());
  progress_.notify_all();
  schedule.tell_host(ticket);
  if (!take_unraised().empty()) throw Failure{cudaErrorLaunchFailure};
}

void Machine::wait_for_other_threads(const Ticket& ticket) {
  const auto self = std::this_thread::get_id();
  Ticket& awaited = idle_threads_[self];  // null at first, or where another thread of this name has ended
  if (awaited != ticket) progress_.notify_all();
  awaited = ticket;
  if (schedule.may_continue()) return progress_.wait(call_mutex());
  idle_threads_.erase(self);
  report({.kind = "deadlock", .message = "the host waits for work that can never run"});
  throw Failure{cudaErrorLaunchTimeout};
}

bool Machine::is_idle(std::thread::id thread) const {
  const auto found = idle_threads_.find(thread);
  return found != idle_threads_.end() && (!found->second || !found->second->done);
}

void Machine::note_end(std::thread::id thread) {
  idle_threads_[thread] = nullptr;
  progress_.notify_all();
}

bool Machine::query(const Ticket& ticket) {
  if (!ticket) return true;
  if (!ticket->done && schedule.run_one()) progress_.notify_all();
  if (ticket->done) schedule.tell_host(ticket);
  return ticket->done;
}

void Machine::wait_for_device(int device) {
  for (const Ticket& tail : schedule.tails(device)) wait(tail);
}

std::shared_ptr<TrackedMemory> Machine::allocate(MemoryKind kind, std::size_t bytes, const void* caller) {
  const int device = host_thread().device;
  const bool ordered_to_fail = ++usage.allocations == settings().faults.failing_allocation;
  expect(!ordered_to_fail, cudaErrorMemoryAllocation);
  void* data = nullptr;
  if (kind == MemoryKind::pinned) {
    data = std::aligned_alloc(kPageBytes, (bytes + kPageBytes - 1) / kPageBytes * kPageBytes);
  } else if (bytes <= settings().device_bytes - this->device(device).used) {
    data = simt::allocate(device, bytes);
  }
  expect(data, cudaErrorMemoryAllocation);
  TrackedMemory allocation{static_cast<std::byte*>(data), bytes, kind, device, caller};
  if (kind == MemoryKind::device) this->device(device).used += bytes;
  return memory.add(std::move(allocation));
}

void Machine::release(const std::shared_ptr<TrackedMemory>& allocation, const std::string& by) {
  allocation->retired = true;
  allocation->released_by = by;
  allocation->history = {};
  if (allocation->kind == MemoryKind::pinned) {
    std::free(allocation->data);
  } else {
    device(allocation->device).used -= allocation->bytes;
    simt::release(allocation->data);
  }
}

bool Machine::may_access(int device, int owner) const {
  return device == owner || this->device(device).peers.count(owner) != 0;
}

bool may_access(int device, int owner) { return machine().may_access(device, owner); }

}  // namespace slipway::simt
