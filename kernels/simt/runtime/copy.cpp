#include <cuda_runtime_api.h>

#include <cstring>

#include "core/base/error.h"
#include "kernels/simt/arena.h"
#include "kernels/simt/report.h"
#include "kernels/simt/runtime/call.h"

// Copies and fills.
namespace slipway::simt {
namespace {

// Simulated time, for programs that measure: a launch, and bytes a microsecond within a device and between
// others.
constexpr double kStartMicroseconds = 1;
constexpr double kDeviceBytes = 1e6;
constexpr double kLinkBytes = 25e3;

struct CopyCall {
  const char* name;
  void* destination;
  const void* source;
  std::size_t bytes;
  cudaMemcpyKind kind;
  const void* caller;
};

/// One side of a copy: memory of the runtime, or pageable memory, which only the host can read and write.
struct Side {
  Region region;
  bool on_device() const { return region && region.allocation->kind == MemoryKind::device; }
};

Side side_of(const Machine& machine, const CopyCall& call, const void* pointer) {
  const auto allocation = machine.memory.find(pointer);
  if (!allocation || (allocation->retired && allocation->kind == MemoryKind::pinned)) {
    expect(device_of(pointer) < 0, cudaErrorInvalidValue);
    return {};
  }
  if (allocation->retired) {
    report({.kind = "use after free",
            .message = text(call.name, " names ", describe(*allocation), ", which the program has freed"),
            .pc = call.caller});
    throw Failure{cudaErrorInvalidValue};
  }
  const auto offset = static_cast<std::size_t>(static_cast<const std::byte*>(pointer) - allocation->data);
  expect(call.bytes <= allocation->bytes - offset, cudaErrorInvalidValue);
  return {{allocation, offset, call.bytes}};
}

/// "Calling with pointers that do not match the direction of the copy results in an undefined behavior."
void check_direction(const CopyCall& call, const Side& destination, const Side& source) {
  if (call.kind == cudaMemcpyDefault) return;
  const bool to_device = call.kind == cudaMemcpyHostToDevice || call.kind == cudaMemcpyDeviceToDevice;
  const bool from_device = call.kind == cudaMemcpyDeviceToHost || call.kind == cudaMemcpyDeviceToDevice;
  if (to_device == destination.on_device() && from_device == source.on_device()) return;
  report({.kind = "copy direction",
          .message = text(call.name, " is told to copy ", from_device ? "from a device" : "from the host",
                          to_device ? " to a device" : " to the host", ", its pointers say otherwise"),
          .pc = call.caller});
  throw Failure{cudaErrorInvalidValue};
}

void check_overlap(const CopyCall& call, const Side& destination, const Side& source) {
  if (!destination.region.overlaps(source.region)) return;
  report({.kind = "overlapping copy",
          .message = text(call.name, ": source and destination overlap, which is undefined"),
          .pc = call.caller});
  throw Failure{cudaErrorInvalidValue};
}

void mark_written(const Region& region) {
  if (region.allocation->kind == MemoryKind::device) mark_initialised(region.data(), region.bytes);
}

Operation copy_operation(const CopyCall& call, const StreamState& stream, const Side& destination,
                         const Side& source) {
  Operation operation{.name = call.name,
                      .kind = OperationKind::copy,
                      .device = stream.device,
                      .reads = {source.region},
                      .writes = {destination.region},
                      .caller = call.caller};
  const bool within_device = destination.on_device() && source.on_device() &&
                             destination.region.allocation->device == source.region.allocation->device;
  operation.microseconds =
      kStartMicroseconds + static_cast<double>(call.bytes) / (within_device ? kDeviceBytes : kLinkBytes);
  const void* from = call.source;
  std::shared_ptr<std::byte[]> staging;
  if (!source.region && destination.on_device()) {
    // The driver copies pageable memory before the call returns; the device's side of the copy comes later.
    staging = std::make_shared<std::byte[]>(call.bytes);
    std::memcpy(staging.get(), call.source, call.bytes);
    from = staging.get();
  }
  operation.run = [from, staging, to = call.destination, bytes = call.bytes, writes = destination.region] {
    std::memcpy(to, from, bytes);
    if (writes) mark_written(writes);
  };
  return operation;
}

/// Capturing a copy of pageable memory would capture when the driver reads it.
void expect_capturable(Machine& machine, const StreamState& stream, const Side& destination,
                       const Side& source) {
  Capture* capture = capture_of(machine, stream);
  if (!capture || (destination.region && source.region)) return;
  capture->valid = false;
  throw Failure{cudaErrorStreamCaptureUnsupported};
}

enum class Waiting { as_needed, always };

void copy(Machine& machine, const CopyCall& call, StreamState& stream, Waiting waiting) {
  expect(call.kind >= cudaMemcpyHostToHost && call.kind <= cudaMemcpyDefault,
         cudaErrorInvalidMemcpyDirection);
  if (call.bytes == 0) return;
  expect(call.destination && call.source, cudaErrorInvalidValue);
  const Side destination = side_of(machine, call, call.destination);
  const Side source = side_of(machine, call, call.source);
  check_direction(call, destination, source);
  check_overlap(call, destination, source);
  expect_capturable(machine, stream, destination, source);
  const bool pageable_source = !source.region && destination.on_device();
  if (waiting == Waiting::always && pageable_source) {
    // "A stream sync is performed before the copy is initiated." (API synchronization behavior)
    machine.wait(machine.submit(stream, {.name = call.name, .device = stream.device}));
  }
  const Ticket ticket = machine.submit(stream, copy_operation(call, stream, destination, source));
  // The rest of that page: copies to pageable memory and between hosts return when they are complete; of the
  // synchronous calls, only copies within devices and from pageable memory may return earlier.
  const bool needed = !destination.region || (!destination.on_device() && !source.on_device());
  const bool within_devices = destination.on_device() && source.on_device();
  if (needed || (waiting == Waiting::always && !within_devices && !pageable_source)) machine.wait(ticket);
}

struct FillCall {
  const char* name;
  void* destination;
  int value;
  std::size_t bytes;
  const void* caller;
};

Ticket fill(Machine& machine, const FillCall& call, StreamState& stream) {
  if (call.bytes == 0) return nullptr;
  const Side destination =
      side_of(machine, {call.name, call.destination, nullptr, call.bytes, cudaMemcpyDefault, call.caller},
              call.destination);
  expect(static_cast<bool>(destination.region), cudaErrorInvalidValue);
  const int owner = destination.region.allocation->device;
  if (destination.on_device() && !machine.may_access(stream.device, owner)) {
    report({.kind = "wrong device",
            .message = text(call.name, " on device ", stream.device, " writes to ",
                            describe(*destination.region.allocation), " without peer access"),
            .pc = call.caller});
    throw Failure{cudaErrorInvalidValue};
  }
  return machine.submit(stream,
                        {.name = call.name,
                         .kind = OperationKind::set,
                         .device = stream.device,
                         .run =
                             [region = destination.region, value = call.value] {
                               std::memset(region.data(), value, region.bytes);
                               mark_written(region);
                             },
                         .writes = {destination.region},
                         .microseconds = kStartMicroseconds + static_cast<double>(call.bytes) / kDeviceBytes,
                         .caller = call.caller});
}

/// Both pointers of a peer copy belong to the devices that the call names.
void check_peers(const Machine& machine, const CopyCall& call, int destination_device, int source_device) {
  const auto check = [&](const void* pointer, int device) {
    const auto allocation = machine.memory.find(pointer);
    expect(allocation && allocation->kind == MemoryKind::device, cudaErrorInvalidValue);
    if (allocation->device == device) return;
    report({.kind = "wrong device",
            .message =
                text(call.name, " is told of device ", device, ", its pointer is to ", describe(*allocation)),
            .pc = call.caller});
    throw Failure{cudaErrorInvalidValue};
  };
  check(call.destination, destination_device);
  check(call.source, source_device);
}

}  // namespace
}  // namespace slipway::simt

using namespace slipway::simt;

extern "C" {

cudaError_t cudaMemcpy(void* destination, const void* source, std::size_t bytes, cudaMemcpyKind kind) {
  const CopyCall copied{"cudaMemcpy", destination, source, bytes, kind, __builtin_return_address(0)};
  return call([&](Machine& machine) {
    expect_capture_allows_unsafe_call();
    copy(machine, copied, machine.stream(nullptr), Waiting::always);
  });
}

cudaError_t cudaMemcpyAsync(void* destination, const void* source, std::size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  const CopyCall copied{"cudaMemcpyAsync", destination, source, bytes, kind, __builtin_return_address(0)};
  return call([&](Machine& machine) { copy(machine, copied, machine.stream(stream), Waiting::as_needed); });
}

cudaError_t cudaMemcpyPeerAsync(void* destination, int destination_device, const void* source,
                                int source_device, std::size_t bytes, cudaStream_t stream) {
  const CopyCall copied{"cudaMemcpyPeerAsync",      destination, source, bytes, cudaMemcpyDeviceToDevice,
                        __builtin_return_address(0)};
  return call([&](Machine& machine) {
    check_peers(machine, copied, destination_device, source_device);
    copy(machine, copied, machine.stream(stream), Waiting::as_needed);
  });
}

cudaError_t cudaMemset(void* destination, int value, std::size_t bytes) {
  const FillCall filled{"cudaMemset", destination, value, bytes, __builtin_return_address(0)};
  return call([&](Machine& machine) {
    expect_capture_allows_unsafe_call();
    const Ticket ticket = fill(machine, filled, machine.stream(nullptr));
    // "The cudaMemset functions are asynchronous with respect to the host except when the target memory is
    // pinned."
    const auto target = machine.memory.find(destination);
    if (target && target->kind == MemoryKind::pinned) machine.wait(ticket);
  });
}

cudaError_t cudaMemsetAsync(void* destination, int value, std::size_t bytes, cudaStream_t stream) {
  const FillCall filled{"cudaMemsetAsync", destination, value, bytes, __builtin_return_address(0)};
  return call([&](Machine& machine) { fill(machine, filled, machine.stream(stream)); });
}

}  // extern "C"
