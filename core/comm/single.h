#pragma once

#include <memory>

#include "core/comm/communicator.h"

namespace slipway {

/// One rank, which is alone: its exchanges return what it brings. On any device.
std::unique_ptr<Communicator> single_rank();

}  // namespace slipway
