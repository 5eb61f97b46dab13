#pragma once

#include <optional>

#include "core/tensor/device_backend.h"

namespace slipway::test {

/// The first CUDA device, real or simulated, of this build and machine; none if there is none.
inline std::optional<Device> find_cuda_device() {
  const DeviceBackend* backend = find_device_backend(DeviceKind::cuda);
  if (!backend || backend->count() == 0 || !backend->info(0).unusable.empty()) return std::nullopt;
  return Device{DeviceKind::cuda, 0};
}

}  // namespace slipway::test
