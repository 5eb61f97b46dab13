#pragma once

#include <chrono>
#include <memory>

#include "core/comm/communicator.h"

namespace slipway {

/// Connects the devices of ranks whose hosts are connected: a communicator for values on either. `host` must
/// outlive it. Null where ranks compute on CPUs, for which `host` is enough. Error if some do and some don't,
/// or if the build can't connect its devices. A wait for the device that lasts longer than `timeout` is a
/// CommunicationError.
std::unique_ptr<Communicator> connect_devices(Communicator& host, Device device,
                                              std::chrono::milliseconds timeout);

}  // namespace slipway
