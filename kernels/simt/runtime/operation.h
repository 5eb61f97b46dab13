#pragma once

#include <functional>
#include <memory>
#include <string>

#include "kernels/simt/runtime/clock.h"
#include "kernels/simt/runtime/memory_map.h"

namespace slipway::simt {

enum class OperationKind : std::uint8_t { kernel, copy, set, release, host_function, order, collective };

/// Work of a stream. A graph keeps operations and enqueues them again at every launch.
struct Operation {
  std::string name;  // as reports show it
  OperationKind kind = OperationKind::order;
  int device = 0;
  std::function<void()> run;  // none: there is nothing to do but to keep order
  Region reads;
  Region writes;
  double microseconds = 0;       // of simulated time
  const void* caller = nullptr;  // the code that asked for it
};

/// How an enqueued operation ended; known to all who wait for it.
struct Completion {
  int device = 0;
  bool done = false;
  Clock clock;             // what happened up to and with the operation
  double finished_at = 0;  // microseconds of simulated time
};
using Ticket = std::shared_ptr<Completion>;

}  // namespace slipway::simt
