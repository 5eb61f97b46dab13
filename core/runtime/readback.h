#pragma once

#include "core/tensor/event.h"
#include "core/tensor/pinned_buffer.h"
#include "core/tensor/tensor.h"

namespace slipway {

/// Small results on their way from a device to the host. They are copied in the order of a stream, through
/// pinned memory, so that the host waits once for all of them, and only when it needs them.
class Readback {
 public:
  /// Room for values of so many bytes together, each rounded up to kAlignment.
  static constexpr std::size_t kAlignment = 64;
  Readback(const Stream& stream, std::size_t bytes);

  /// Enqueues the copy of a dense value, whose memory may be written again by what is enqueued later. Returns
  /// where it will lie on the host: it is there after wait(), until the next value is enqueued.
  TensorView enqueue(const TensorView& value);
  /// Waits for all copies, after which there is room for others.
  void wait();

 private:
  Stream stream_;
  PinnedBuffer memory_;
  Event done_;
  std::size_t used_ = 0;
};

}  // namespace slipway
