#pragma once

#include <cuda_runtime_api.h>

#include <map>
#include <memory>
#include <mutex>

#include "core/tensor/device.h"

namespace slipway::cuda {

/// Destroys what a unique_ptr owns with a function of a library.
template <auto destroy>
struct Destroy {
  template <class Object>
  void operator()(Object* object) const noexcept {
    destroy(object);
  }
};

/// A device's handle of a library, one for all that is prepared there: to make one takes long, and memory of
/// the device. It lives as long as whatever uses it.
template <class Handle>
std::shared_ptr<Handle> handle_of(Device device) {
  static std::mutex mutex;
  static std::map<int, std::weak_ptr<Handle>> handles;
  const std::lock_guard lock(mutex);
  std::weak_ptr<Handle>& known = handles[device.index];
  if (auto living = known.lock()) return living;
  cudaSetDevice(device.index);
  auto made = std::make_shared<Handle>(device);
  known = made;
  return made;
}

/// Workspaces of the libraries begin at multiples of this; scratch at multiples of 64.
inline constexpr std::size_t kWorkspaceAlignment = 256;
inline std::size_t scratch_for(std::size_t workspace) {
  return workspace == 0 ? 0 : workspace + kWorkspaceAlignment - 64;
}
inline void* workspace_in(std::byte* scratch, std::size_t workspace) {
  if (workspace == 0) return nullptr;
  const auto address = reinterpret_cast<std::uintptr_t>(scratch);
  return scratch + (kWorkspaceAlignment - address % kWorkspaceAlignment) % kWorkspaceAlignment;
}

}  // namespace slipway::cuda
