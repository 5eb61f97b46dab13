#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "core/comm/communicator.h"

/// What connects the devices of ranks: NCCL, which may be absent from a build (SLIPWAY_NCCL).
namespace slipway::cuda {

struct RankConnection {
  Communicator& host;  // of the same ranks
  std::chrono::milliseconds timeout;
};

/// See DeviceBackend::connect(); Error if this build has no NCCL.
std::unique_ptr<Communicator> connect_ranks(Device device, const RankConnection& connection);

}  // namespace slipway::cuda
