#pragma once

#include <memory>

#include "core/tensor/device_backend.h"

namespace slipway {

/// A point in the work of a stream, for other streams of its device and the host to wait for. Until it is
/// recorded nobody waits for it.
class Event {
 public:
  explicit Event(Device device, EventKind kind = EventKind::order);

  /// Puts it behind what the stream holds so far; recorded again, it forgets the earlier point.
  void record(const Stream& stream);
  /// Holds back what is enqueued in `stream` from here on until the point that was recorded last.
  void hold(const Stream& stream) const;
  /// Waits until the stream has come to the point, and reports what went wrong before it.
  void synchronize() const;
  /// Seconds from one point to another, both of EventKind::time and both come to.
  double seconds_since(const Event& start) const;

 private:
  struct Close {
    Device device;
    void operator()(void* native) const noexcept;
  };
  std::unique_ptr<void, Close> native_;
};

}  // namespace slipway
