#include "core/runtime/readback.h"

#include <algorithm>

namespace slipway {

Readback::Readback(const Stream& stream, std::size_t bytes)
    : stream_(stream), memory_(stream.device, bytes), done_(stream.device) {}

TensorView Readback::enqueue(const TensorView& value) {
  const std::size_t bytes = value.type.bytes();
  require(value.device == stream_.device && value.type.is_dense() && bytes <= memory_.bytes() - used_,
          "cannot read back ", value.type, " from ", to_string(value.device), ": there is room for ",
          memory_.bytes() - used_, " bytes of dense values from ", to_string(stream_.device));
  const TensorView host{memory_.data() + used_, value.type};
  used_ = std::min(memory_.bytes(), used_ + (bytes + kAlignment - 1) / kAlignment * kAlignment);
  if (bytes > 0) {
    device_backend(stream_.device)
        .enqueue_download(stream_, {.from = value.data, .to = host.data, .bytes = bytes});
  }
  return host;
}

void Readback::wait() {
  done_.record(stream_);
  done_.synchronize();
  used_ = 0;
}

}  // namespace slipway
