#pragma once

#include <cstddef>
#include <string>

#include "core/tensor/device.h"

namespace slipway {

/// What a device is, for people.
struct DeviceInfo {
  std::string name;                // "NVIDIA A100-SXM4-40GB"
  std::string compute_capability;  // "8.0"; "" where there is no such thing
  std::string driver;              // version; "" if unknown
  std::size_t memory_bytes = 0;
  std::size_t free_bytes = 0;
  bool simulated = false;
  std::string unusable;  // why it can't be used; "": it can
};

/// Bytes to move. What lies where is said by the function that moves them.
struct ByteCopy {
  const std::byte* from;
  std::byte* to;
  std::size_t bytes;
};

/// What core needs of a kind of device besides kernels: memory, queues, copies. Every function that takes a
/// stream takes its place in that stream's order; a stream without a native queue stands for all of its
/// device, so that copies over it wait for whatever has been enqueued there. Failures are Errors that name
/// the device, the call and its reason, possibly those of work that was enqueued before.
class DeviceBackend {
 public:
  /// How many devices there are; `why_none`, if given, tells why there is none.
  virtual int count(std::string* why_none = nullptr) const = 0;
  virtual DeviceInfo info(int index) const = 0;

  virtual std::byte* allocate(Device device, std::size_t bytes) = 0;
  virtual void release(Device device, std::byte* memory) noexcept = 0;
  virtual void* open_queue(Device device) = 0;
  virtual void close_queue(Device device, void* native) noexcept = 0;

  /// From the host to the device. The source may be overwritten on return.
  virtual void upload(const Stream& stream, const ByteCopy& copy) = 0;
  /// From the device to the host. The bytes are there on return.
  virtual void download(const Stream& stream, const ByteCopy& copy) = 0;
  /// Within the device, between ranges that do not overlap.
  virtual void copy(const Stream& stream, const ByteCopy& copy) = 0;
  virtual void zero(const Stream& stream, std::byte* to, std::size_t bytes) = 0;
  /// Waits for everything enqueued so far.
  virtual void synchronize(const Stream& stream) = 0;

 protected:
  ~DeviceBackend() = default;
};

/// The backend of a kind; null if this build has none.
DeviceBackend* find_device_backend(DeviceKind kind);
/// The same; an Error if this build has none.
DeviceBackend& device_backend(Device device);

/// `const DeviceBackendRegistrar registered(DeviceKind::cuda, backend);`
struct DeviceBackendRegistrar {
  DeviceBackendRegistrar(DeviceKind kind, DeviceBackend& backend);
};

}  // namespace slipway
