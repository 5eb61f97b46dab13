#pragma once

#include <cuda_runtime_api.h>

#include <chrono>
#include <functional>
#include <memory>

#include "core/tensor/device.h"

namespace slipway::cuda {

/// While it lives, a host that waits for the device, whose work may itself wait for other ranks for ever,
/// asks `check` again and again. What that throws ends the wait. One a device.
class HostWaitGuard {
 public:
  /// Gets how long the wait has lasted; zero once it is over.
  using Check = std::function<void(std::chrono::steady_clock::duration waited)>;
  HostWaitGuard(Device device, Check check);
  ~HostWaitGuard();
  HostWaitGuard(const HostWaitGuard&) = delete;
  HostWaitGuard& operator=(const HostWaitGuard&) = delete;

 private:
  Device device_;
};

bool is_guarded(Device device);
/// Waits until `query` returns something else than cudaErrorNotReady, if the device has a guard. Else it
/// returns at once.
void guarded_wait(Device device, const std::function<cudaError_t()>& query);

}  // namespace slipway::cuda
