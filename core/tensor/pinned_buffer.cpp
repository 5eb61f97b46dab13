#include "core/tensor/pinned_buffer.h"

#include "core/tensor/device_backend.h"

namespace slipway {

PinnedBuffer::PinnedBuffer(Device device, std::size_t bytes)
    : bytes_(bytes),
      data_(bytes > 0 ? device_backend(device).allocate_pinned(device, bytes) : nullptr, Release{device}) {}

void PinnedBuffer::Release::operator()(std::byte* memory) const noexcept {
  device_backend(device).release_pinned(device, memory);
}

}  // namespace slipway
