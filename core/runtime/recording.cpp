#include "core/runtime/recording.h"

#include <algorithm>
#include <exception>

#include "core/tensor/device_backend.h"

namespace slipway {
namespace {

/// Enqueues the steps until one does not bear recording; returns that one, or `end`.
std::size_t enqueue_while_recording(const Stream& stream, std::size_t begin, std::size_t end,
                                    const Recording::Enqueue& enqueue) {
  DeviceBackend& backend = device_backend(stream.device);
  for (std::size_t step = begin; step < end; ++step) {
    try {
      enqueue(step);
    } catch (const std::exception&) {
      return step;  // replay() tells what is wrong, if it is not the recording
    }
    if (!backend.is_recording(stream)) return step;
  }
  return end;
}

}  // namespace

Recording::Recording(const Stream& stream, std::size_t count, const Enqueue& enqueue) {
  for (std::size_t begin = 0; begin < count;) {
    std::size_t end = count;
    while (end > begin) {  // a step that can't be recorded spoils those before it, which are recorded again
      const std::size_t recorded = record(stream, begin, end, enqueue);
      if (recorded == end) break;
      end = recorded;
    }
    if (end < count) parts_.push_back({.native = Native(nullptr, Close{stream.device}), .step = end});
    begin = end + 1;
  }
}

/// Adds steps begin to end - 1 as one part. If they can't be recorded together, it returns the first that is
/// in the way, and nothing was added.
std::size_t Recording::record(const Stream& stream, std::size_t begin, std::size_t end,
                              const Enqueue& enqueue) {
  DeviceBackend& backend = device_backend(stream.device);
  if (!backend.begin_recording(stream)) return begin;
  const std::size_t reached = enqueue_while_recording(stream, begin, end, enqueue);
  Native native(backend.end_recording(stream), Close{stream.device});
  if (reached < end) return reached;
  if (!native) return begin;
  parts_.push_back({.native = std::move(native), .step = begin});
  return end;
}

void Recording::replay(const Stream& stream, const Enqueue& enqueue) const {
  DeviceBackend& backend = device_backend(stream.device);
  for (const Part& part : parts_) {
    if (part.native)
      backend.enqueue_recording(stream, part.native.get());
    else
      enqueue(part.step);
  }
}

std::size_t Recording::recorded_parts() const {
  return static_cast<std::size_t>(
      std::count_if(parts_.begin(), parts_.end(), [](const Part& part) { return part.native != nullptr; }));
}

void Recording::Close::operator()(void* native) const noexcept {
  device_backend(device).close_recording(device, native);
}

}  // namespace slipway
