#include "core/tensor/event.h"

namespace slipway {

Event::Event(Device device, EventKind kind)
    : native_(device_backend(device).open_event(device, kind), Close{device}) {}

void Event::Close::operator()(void* native) const noexcept {
  device_backend(device).close_event(device, native);
}

void Event::record(const Stream& stream) {
  device_backend(stream.device).record_event(stream, native_.get());
}

void Event::hold(const Stream& stream) const {
  device_backend(stream.device).wait_for_event(stream, native_.get());
}

void Event::synchronize() const {
  const Device device = native_.get_deleter().device;
  device_backend(device).synchronize_event(device, native_.get());
}

double Event::seconds_since(const Event& start) const {
  const Device device = native_.get_deleter().device;
  return device_backend(device).seconds_between(device, start.native_.get(), native_.get());
}

}  // namespace slipway
