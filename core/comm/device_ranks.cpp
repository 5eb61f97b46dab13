#include "core/comm/device_ranks.h"

#include <cstdint>

#include "core/tensor/device_backend.h"

namespace slipway {

std::unique_ptr<Communicator> connect_devices(Communicator& host, Device device,
                                              std::chrono::milliseconds timeout) {
  const Tensor kinds(DType::int64, Shape{host.size()});
  const auto own = static_cast<std::int64_t>(device.kind);
  host.all_gather({}, {.part = Tensor::scalar(own), .all = kinds}, "the kinds of devices");
  for (std::int64_t rank = 0; rank < host.size(); ++rank)
    require_user(kinds.as<std::int64_t>()[static_cast<std::size_t>(rank)] == own, "rank ", host.rank(),
                 " computes on ", to_string(device), ", rank ", rank,
                 " on another kind of device; expected the same on all");
  if (device.is_host()) return nullptr;
  return device_backend(device).connect(device, host, timeout);
}

}  // namespace slipway
