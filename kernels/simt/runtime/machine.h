#pragma once

#include <cuda_runtime_api.h>

#include <condition_variable>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "kernels/simt/runtime/capture.h"
#include "kernels/simt/runtime/control.h"
#include "kernels/simt/runtime/handles.h"
#include "kernels/simt/runtime/kernel_access.h"
#include "kernels/simt/runtime/memory_map.h"
#include "kernels/simt/runtime/schedule.h"

namespace slipway::simt {

/// What cudaStream_t points to.
struct StreamState {
  int device = 0;
  unsigned flags = cudaStreamDefault;
  int priority = 0;
  Lane lane = 0;
  CaptureBranch branch;  // while the stream captures
};

/// What cudaEvent_t points to. It captures a stream's work, or that of a capture, whichever it recorded last.
struct EventState {
  int device = 0;
  unsigned flags = cudaEventDefault;
  Ticket recorded;        // null before the first record: an empty set of work
  CaptureBranch capture;  // of the record, if its stream was capturing
};

struct DeviceState {
  std::size_t used = 0;               // bytes of allocations
  cudaError_t failure = cudaSuccess;  // once an asynchronous error has struck, every call returns it
  std::set<int> peers;                // devices whose memory this one may access
  StreamState legacy;                 // the stream called 0
};

/// All simulated devices and what programs made on them. Every member is guarded by the mutex of `call`, but
/// for the access histories, which kernels write from many threads.
class Machine {
 public:
  Machine();

  Schedule schedule;
  MemoryMap memory;
  std::vector<DeviceState> devices;
  Handles<StreamState> streams;
  Handles<EventState> events;
  Handles<CapturedGraph> graphs;
  Handles<ExecutableGraph> executables;
  std::list<Capture> captures;
  std::map<const void*, int> dynamic_shared_limits;  // by kernel, where cudaFuncSetAttribute raised it
  Usage usage;

  DeviceState& current_device();
  DeviceState& device(int index) { return devices[static_cast<std::size_t>(index)]; }
  const DeviceState& device(int index) const { return devices[static_cast<std::size_t>(index)]; }
  /// The stream of a handle; 0 and cudaStreamLegacy are the current device's legacy stream.
  StreamState& stream(cudaStream_t handle);
  EventState& event(cudaEvent_t handle);
  bool is_legacy(const StreamState& stream) const { return &stream == &device(stream.device).legacy; }

  /// What a host waits for that waits for a stream; null if the stream never had work.
  Ticket everything_in(StreamState& stream);
  /// Puts an operation into the stream's queue, or into the graph that the stream captures.
  Ticket submit(StreamState& stream, Operation operation, std::vector<Ticket> after = {});
  /// Runs work until this is done; the host then knows of it. Nothing to wait for: null.
  void wait(const Ticket& ticket);
  /// Waits, in a thread that has nothing to run, for what other threads do. Failure if none of them can help.
  void wait_for_other_threads(const Ticket& ticket);
  /// Whether nothing can come of a host thread: it waits in here, for what is not done yet, or has ended.
  bool is_idle(std::thread::id thread) const;
  void note_call(std::thread::id thread) { idle_threads_.erase(thread); }
  void note_end(std::thread::id thread);
  /// Whether the work is done. Asking lets the device get on with something.
  bool query(const Ticket& ticket);
  void wait_for_device(int device);

  std::shared_ptr<TrackedMemory> allocate(MemoryKind kind, std::size_t bytes, const void* caller);
  /// The bytes may be given out again; work that still means to use them is at fault.
  void release(const std::shared_ptr<TrackedMemory>& allocation, const std::string& by);

  /// Reports work that uses the allocation and that the host has not waited for.
  void check_free(const TrackedMemory& allocation, const char* by, const void* caller) const;

  /// An access of the running kernel, from any of its threads.
  void note_access(const KernelAccess& access);
  /// Whether a kernel of the device may access the memory of another.
  bool may_access(int device, int owner) const;

 private:
  std::vector<Ticket> implicit_order(const StreamState& stream) const;
  void execute(const Turn& turn);
  bool usable(const Region& region, const Operation& operation) const;
  void record(const Region& region, AccessKind kind, const Operation& operation, const void* pc);
  void run(const Operation& operation);

  AccessLog log_;
  std::mutex history_mutex_;
  const Operation* running_ = nullptr;
  Accessor accessor_;                               // of the running operation
  std::map<std::thread::id, Ticket> idle_threads_;  // and what they wait for; null: they have ended
  std::condition_variable_any progress_;  // something has been enqueued, has run, or a thread has become idle
};

/// The only one of the process, made from the settings when first used.
Machine& machine();
bool has_machine();

}  // namespace slipway::simt
