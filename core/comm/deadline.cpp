#include "core/comm/deadline.h"

#include <cstdlib>
#include <iostream>

#include "core/base/error.h"

namespace slipway {

Deadline exit_unless_ranks_come(std::chrono::milliseconds timeout, const char* call) {
  return Deadline(timeout, [=] {
    std::cerr << text("slipway: in ", call, ": waited ", std::chrono::duration<double>(timeout).count(),
                      " s for the other ranks\n")
              << std::flush;
    std::_Exit(1);
  });
}

}  // namespace slipway
