#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include "core/tensor/device.h"

namespace slipway {

/// Steps of work on a device, recorded once and enqueued again with one call for many of them (on CUDA, as
/// graphs captured from the stream). What does not bear recording stays as it is, between the recorded parts.
class Recording {
 public:
  using Enqueue = std::function<void(std::size_t step)>;

  /// Records steps 0 to count - 1, which `enqueue` enqueues in `stream`; nothing runs. A step that throws, or
  /// that does on the host what cannot be recorded, such as waiting, is left out.
  Recording(const Stream& stream, std::size_t count, const Enqueue& enqueue);

  /// Enqueues all steps in order, those that were left out by `enqueue`.
  void replay(const Stream& stream, const Enqueue& enqueue) const;

  /// How many calls enqueue what was recorded, and how many steps were left out.
  std::size_t recorded_parts() const;
  std::size_t left_out() const { return parts_.size() - recorded_parts(); }

 private:
  struct Close {
    Device device;
    void operator()(void* native) const noexcept;
  };
  using Native = std::unique_ptr<void, Close>;
  struct Part {
    Native native;         // null: a step that was left out
    std::size_t step = 0;  // the first
  };
  std::size_t record(const Stream& stream, std::size_t begin, std::size_t end, const Enqueue& enqueue);

  std::vector<Part> parts_;
};

}  // namespace slipway
