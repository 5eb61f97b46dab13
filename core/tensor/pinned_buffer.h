#pragma once

#include <memory>

#include "core/tensor/device.h"

namespace slipway {

/// Host memory that a device can copy to and from while the host goes on, 64-byte aligned. Contents start
/// undefined. It waits for what is enqueued on the device before it ends.
class PinnedBuffer {
 public:
  PinnedBuffer(Device device, std::size_t bytes);

  std::byte* data() const { return data_.get(); }
  std::size_t bytes() const { return bytes_; }

 private:
  struct Release {
    Device device;
    void operator()(std::byte* memory) const noexcept;
  };
  std::size_t bytes_;
  std::unique_ptr<std::byte, Release> data_;
};

}  // namespace slipway
