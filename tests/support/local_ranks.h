#pragma once

#include <functional>

#include "core/comm/communicator.h"

namespace slipway::test {

/// Runs `body` once a rank, each in a thread of its own, with a communicator that connects them. What a body
/// throws ends the others too, and is thrown here: the lowest rank's, and CommunicationErrors only if there
/// is nothing else.
void run_on_ranks(int ranks, const std::function<void(Communicator&)>& body);

}  // namespace slipway::test
