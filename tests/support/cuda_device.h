#pragma once

#include <gtest/gtest.h>

#include <optional>

#include "core/tensor/device_backend.h"

namespace slipway::test {

/// The first CUDA device, real or simulated, of this build and machine; none if there is none.
inline std::optional<Device> find_cuda_device() {
  const DeviceBackend* backend = find_device_backend(DeviceKind::cuda);
  if (!backend || backend->count() == 0 || !backend->info(0).unusable.empty()) return std::nullopt;
  return Device{DeviceKind::cuda, 0};
}

/// Runs only in builds and on machines that have a CUDA device, real or simulated; has a stream on it.
class CudaDeviceTest : public testing::Test {
 protected:
  void SetUp() override {
    const std::optional<Device> device = find_cuda_device();
    if (!device) GTEST_SKIP() << "there is no CUDA device";
    device_ = *device;
    queue_.emplace(device_);
    stream_ = {.device = device_, .native = queue_->native()};
  }

  Device device_;
  std::optional<Queue> queue_;
  Stream stream_;
};

}  // namespace slipway::test
