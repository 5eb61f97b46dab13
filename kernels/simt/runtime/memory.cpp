#include <cuda_runtime_api.h>

#include "core/base/error.h"
#include "kernels/simt/report.h"
#include "kernels/simt/runtime/call.h"
#include "kernels/simt/runtime/pinned_guard.h"

// Allocation and release.
namespace slipway::simt {
namespace {

/// What a free is asked to free.
struct FreeCall {
  const char* name;
  void* pointer;
  MemoryKind kind;
  const void* caller;
};

std::shared_ptr<TrackedMemory> find_allocation(const Machine& machine, const FreeCall& call) {
  auto allocation = machine.memory.find(call.pointer);
  const bool ours = allocation && allocation->data == call.pointer && allocation->kind == call.kind;
  if (!ours) {
    report({.kind = "bad free",
            .message = text(call.name, " of ", call.pointer, ", where no allocation of its kind begins"),
            .pc = call.caller});
  } else if (allocation->retired) {
    report({.kind = "double free",
            .message = text(call.name, " of ", describe(*allocation), ", freed before"),
            .pc = call.caller});
  }
  expect(ours && !allocation->retired, cudaErrorInvalidValue);
  return allocation;
}

cudaError_t free_now(const FreeCall& free) {
  return call([&](Machine& machine) {
    if (!free.pointer) return;
    expect_capture_allows_unsafe_call();
    const auto allocation = find_allocation(machine, free);
    // A real free may wait for the device; "may" is nothing to rely on. (cudaFree)
    machine.check_free(*allocation, free.name, free.caller);
    machine.release(allocation, free.name);
  });
}

cudaError_t allocate_pinned(void** pointer, std::size_t bytes, const void* caller) {
  return call([&](Machine& machine) {
    expect(pointer, cudaErrorInvalidValue);
    *pointer = nullptr;
    expect_capture_allows_unsafe_call();
    if (bytes == 0) return;
    const auto allocation = machine.allocate(MemoryKind::pinned, bytes, caller);
    poison({allocation, 0, bytes});
    *pointer = allocation->data;
  });
}

/// Stream-ordered allocations are not captured: a graph that owns memory is none of Slipway's.
void expect_no_capture(Machine& machine, const StreamState& stream) {
  if (Capture* capture = capture_of(machine, stream)) {
    capture->valid = false;
    throw Failure{cudaErrorStreamCaptureUnsupported};
  }
}

}  // namespace
}  // namespace slipway::simt

using namespace slipway;
using namespace slipway::simt;

extern "C" {

cudaError_t cudaMalloc(void** pointer, std::size_t bytes) {
  const void* caller = __builtin_return_address(0);
  return call([&](Machine& machine) {
    expect(pointer, cudaErrorInvalidValue);
    *pointer = nullptr;
    expect_capture_allows_unsafe_call();
    if (bytes == 0) return;
    *pointer = machine.allocate(MemoryKind::device, bytes, caller)->data;
  });
}

cudaError_t cudaFree(void* pointer) {
  return free_now({"cudaFree", pointer, MemoryKind::device, __builtin_return_address(0)});
}

cudaError_t cudaMallocAsync(void** pointer, std::size_t bytes, cudaStream_t handle) {
  const void* caller = __builtin_return_address(0);
  return call([&](Machine& machine) {
    expect(pointer, cudaErrorInvalidValue);
    *pointer = nullptr;
    StreamState& stream = machine.stream(handle);
    expect_no_capture(machine, stream);
    if (bytes == 0) return;
    const auto allocation = machine.allocate(MemoryKind::device, bytes, caller);
    // "The allocation must not be accessed until the allocation operation completes." It counts as a write.
    machine.submit(stream, {.name = "cudaMallocAsync",
                            .device = stream.device,
                            .writes = {{allocation, 0, bytes}},
                            .caller = caller});
    *pointer = allocation->data;
  });
}

cudaError_t cudaFreeAsync(void* pointer, cudaStream_t handle) {
  const void* caller = __builtin_return_address(0);
  return call([&](Machine& machine) {
    if (!pointer) return;
    StreamState& stream = machine.stream(handle);
    expect_no_capture(machine, stream);
    const auto allocation = find_allocation(machine, {"cudaFreeAsync", pointer, MemoryKind::device, caller});
    allocation->retired = true;
    machine.submit(stream, {.name = "cudaFreeAsync",
                            .kind = OperationKind::release,
                            .device = stream.device,
                            .run = [&machine, allocation] { machine.release(allocation, "cudaFreeAsync"); },
                            .writes = {{allocation, 0, allocation->bytes}},
                            .caller = caller});
  });
}

cudaError_t cudaMallocHost(void** pointer, std::size_t bytes) {
  return allocate_pinned(pointer, bytes, __builtin_return_address(0));
}

cudaError_t cudaHostAlloc(void** pointer, std::size_t bytes, unsigned flags) {
  const unsigned known = cudaHostAllocPortable | cudaHostAllocMapped | cudaHostAllocWriteCombined;
  if ((flags & ~known) != 0) return remember(cudaErrorInvalidValue);
  return allocate_pinned(pointer, bytes, __builtin_return_address(0));
}

cudaError_t cudaFreeHost(void* pointer) {
  return free_now({"cudaFreeHost", pointer, MemoryKind::pinned, __builtin_return_address(0)});
}

cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* attributes, const void* pointer) {
  return call([&](Machine& machine) {
    expect(attributes, cudaErrorInvalidValue);
    *attributes = {};
    attributes->type = cudaMemoryTypeUnregistered;
    attributes->device = cudaInvalidDeviceId;
    attributes->hostPointer = const_cast<void*>(pointer);
    const auto allocation = machine.memory.find(pointer);
    if (!allocation || allocation->retired) return;
    const bool pinned = allocation->kind == MemoryKind::pinned;
    attributes->type = pinned ? cudaMemoryTypeHost : cudaMemoryTypeDevice;
    attributes->device = allocation->device;
    const bool accessible = pinned || machine.may_access(host_thread().device, allocation->device);
    attributes->devicePointer = accessible ? const_cast<void*>(pointer) : nullptr;
    if (!pinned) attributes->hostPointer = nullptr;
  });
}

}  // extern "C"
