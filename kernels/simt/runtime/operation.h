#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "kernels/simt/runtime/clock.h"
#include "kernels/simt/runtime/memory_map.h"

namespace slipway::simt {

enum class OperationKind : std::uint8_t { kernel, copy, set, release, host_function, order, collective };

/// Operations of several lanes that run as one, once each stands at the head of its lane.
struct Meeting {
  std::size_t expected = 0;
  std::vector<std::uint32_t> lanes;  // of those that have come
  bool abandoned = false;            // each goes on by itself
  std::function<bool()>
      may_complete;  // whether those who have not come still may, while the host thread waits
};

/// What a collective operation becomes when it is enqueued.
struct Participation {
  std::shared_ptr<Meeting> meeting;
  std::function<void()> run;
};

/// Work of a stream. A graph keeps operations and enqueues them again at every launch.
struct Operation {
  std::string name;  // as reports show it
  OperationKind kind = OperationKind::order;
  int device = 0;
  std::function<void()> run;            // none: there is nothing to do but to keep order
  std::function<Participation()> join;  // only of a collective, instead of `run`
  std::vector<Region> reads;
  std::vector<Region> writes;
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
