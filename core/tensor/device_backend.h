#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include "core/tensor/device.h"

namespace slipway {

class Communicator;

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

/// What an event is for; one that keeps the time costs more.
enum class EventKind { order, time };

/// What core needs of a kind of device besides kernels: memory, queues, copies, events, and recordings of
/// work to be enqueued again. Every function that takes a stream takes its place in that stream's order; a
/// stream without a native queue stands for all of its device, so that copies over it wait for whatever has
/// been enqueued there. Failures are Errors that name the device, the call and its reason, possibly those of
/// work that was enqueued before. What is opened here is owned by Buffer, PinnedBuffer, Queue, Event and
/// Recording.
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

  /// Host memory that the device can read and write while the host goes on.
  virtual std::byte* allocate_pinned(Device device, std::size_t bytes) = 0;
  virtual void release_pinned(Device device, std::byte* memory) noexcept = 0;
  /// From pinned memory to the device, and from there to pinned memory, without waiting: the host leaves the
  /// pinned bytes alone until the stream has come to the end of the copy.
  virtual void enqueue_upload(const Stream& stream, const ByteCopy& copy) = 0;
  virtual void enqueue_download(const Stream& stream, const ByteCopy& copy) = 0;

  virtual void* open_event(Device device, EventKind kind) = 0;
  virtual void close_event(Device device, void* event) noexcept = 0;
  /// Puts the event behind what the stream holds so far.
  virtual void record_event(const Stream& stream, void* event) = 0;
  /// Holds back what is enqueued from here on until the event, as recorded last, has happened.
  virtual void wait_for_event(const Stream& stream, void* event) = 0;
  /// The host waits for the event, as recorded last. Nothing was recorded: it has happened.
  virtual void synchronize_event(Device device, void* event) = 0;
  /// Between two events of EventKind::time that have happened.
  virtual double seconds_between(Device device, void* start, void* end) = 0;

  /// Records what this thread enqueues in the stream from here on, instead of running it. False if this
  /// cannot be done.
  virtual bool begin_recording(const Stream& stream) = 0;
  /// Whether the recording is still good: a wait, an allocation or a copy of memory that is not pinned spoils
  /// it.
  virtual bool is_recording(const Stream& stream) = 0;
  /// Ends the recording and makes it ready to be enqueued; null if it was spoilt.
  virtual void* end_recording(const Stream& stream) = 0;
  virtual void enqueue_recording(const Stream& stream, void* recording) = 0;
  virtual void close_recording(Device device, void* recording) noexcept = 0;

  /// Names what this thread enqueues until end_range(), for profilers of the device's vendor. Ranges nest.
  virtual void begin_range(const std::string& name) = 0;
  virtual void end_range() = 0;

  /// A communicator for values on the device and on the host, of the ranks that `host` connects, which all
  /// call this, each with a device of its own; `host` must outlive it. Whoever waits on the host for the
  /// device longer than `timeout` gets a CommunicationError: the other ranks are taken to hang.
  virtual std::unique_ptr<Communicator> connect(Device device, Communicator& host,
                                                std::chrono::milliseconds timeout) = 0;

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
