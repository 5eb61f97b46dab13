#include <cuda_runtime_api.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "kernels/simt/runtime/call.h"
#include "kernels/simt/runtime/properties.h"
#include "kernels/simt/settings.h"

// Devices, their properties, and access between them.
namespace slipway::simt {
namespace {

void expect_device(const Machine& machine, int device) {
  expect(device >= 0 && static_cast<std::size_t>(device) < machine.devices.size(), cudaErrorInvalidDevice);
}

/// Destroys what the device has; work that waits is dropped.
void reset(Machine& machine, int device) {
  machine.device(device).failure = cudaErrorContextIsDestroyed;
  machine.wait_for_device(device);
  for (const auto& allocation : machine.memory.live()) {
    if (allocation->device == device) machine.release(allocation, "cudaDeviceReset");
  }
  machine.events.remove_if([&](const EventState& event) { return event.device == device; });
  machine.streams.remove_if([&](const StreamState& stream) {
    if (stream.device == device) machine.schedule.close_lane(stream.lane);
    return stream.device == device;
  });
  for (DeviceState& other : machine.devices) other.peers.erase(device);
  machine.device(device).peers.clear();
  machine.device(device).failure = cudaSuccess;
}

}  // namespace
}  // namespace slipway::simt

using namespace slipway::simt;

extern "C" {

cudaError_t cudaGetDeviceCount(int* count) {
  return call_any_device([&](Machine& machine) {
    expect(count, cudaErrorInvalidValue);
    *count = static_cast<int>(machine.devices.size());
    expect(*count > 0, cudaErrorNoDevice);
  });
}

cudaError_t cudaGetDevice(int* device) {
  return call_any_device([&](Machine& machine) {
    expect(device, cudaErrorInvalidValue);
    expect(!machine.devices.empty(), cudaErrorNoDevice);
    *device = host_thread().device;
  });
}

cudaError_t cudaSetDevice(int device) {
  return call_any_device([&](Machine& machine) {
    expect_device(machine, device);
    host_thread().device = device;
    expect_working_device();
  });
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  return call_any_device([&](Machine& machine) {
    expect(properties, cudaErrorInvalidValue);
    expect_device(machine, device);
    *properties = device_properties(device);
  });
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
  return call_any_device([&](Machine& machine) {
    expect(value, cudaErrorInvalidValue);
    expect_device(machine, device);
    const auto found = device_attribute(device_properties(device), attribute);
    expect(found.has_value(), cudaErrorInvalidValue);
    *value = *found;
  });
}

cudaError_t cudaDeviceGetStreamPriorityRange(int* least, int* greatest) {
  return call([&](Machine&) {
    if (least) *least = kLeastStreamPriority;
    if (greatest) *greatest = kGreatestStreamPriority;
  });
}

cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total) {
  return call([&](Machine& machine) {
    expect(free && total, cudaErrorInvalidValue);
    *total = settings().device_bytes;
    *free = *total - machine.current_device().used;
  });
}

cudaError_t cudaDeviceSynchronize() {
  return call([](Machine& machine) {
    expect_capture_allows_unsafe_call();
    machine.wait_for_device(host_thread().device);
  });
}

cudaError_t cudaDeviceReset() {
  return call_any_device([](Machine& machine) {
    expect(!machine.devices.empty(), cudaErrorNoDevice);
    expect_capture_allows_unsafe_call();
    reset(machine, host_thread().device);
  });
}

cudaError_t cudaDeviceCanAccessPeer(int* can, int device, int peer) {
  return call_any_device([&](Machine& machine) {
    expect(can, cudaErrorInvalidValue);
    expect_device(machine, device);
    expect_device(machine, peer);
    *can = device != peer;
  });
}

cudaError_t cudaDeviceEnablePeerAccess(int peer, unsigned flags) {
  return call([&](Machine& machine) {
    expect(flags == 0, cudaErrorInvalidValue);
    expect_device(machine, peer);
    expect(peer != host_thread().device, cudaErrorInvalidDevice);
    expect(machine.current_device().peers.insert(peer).second, cudaErrorPeerAccessAlreadyEnabled);
  });
}

cudaError_t cudaDeviceDisablePeerAccess(int peer) {
  return call([&](Machine& machine) {
    expect_device(machine, peer);
    expect(machine.current_device().peers.erase(peer) != 0, cudaErrorPeerAccessNotEnabled);
  });
}

}  // extern "C"
