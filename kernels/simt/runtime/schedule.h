#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <random>
#include <vector>

#include "kernels/simt/runtime/operation.h"

namespace slipway::simt {

using Lane = std::uint32_t;

struct Enqueued {
  Operation operation;
  std::vector<Ticket> after = {};  // what must be done before, besides the lane's earlier operations
};

/// An operation whose turn has come.
struct Turn {
  const Operation& operation;
  LanePosition position;
  const Clock& clock;
  std::optional<std::uint64_t> source_digest = {};  // of pinned memory, when the operation was enqueued
};

/// Queues of deferred work. Nothing runs until somebody needs a result; then any operation that may run next
/// is drawn, by seed, until the result is there.
class Schedule {
 public:
  using Execute = std::function<void(const Turn&)>;
  Schedule(std::uint64_t seed, Execute execute) : execute_(std::move(execute)), random_(seed) {}

  Lane open_lane();
  /// The lane's pending work still runs.
  void close_lane(Lane lane);

  Ticket enqueue(Lane lane, Enqueued enqueued);
  /// The newest operation of a lane; null if it never had one.
  const Ticket& tail(Lane lane) const { return lanes_[lane].tail; }
  /// The newest operation of every lane whose newest is the device's.
  std::vector<Ticket> tails(int device) const;
  std::size_t pending(Lane lane) const { return lanes_[lane].queue.size(); }

  /// Runs one operation that may run; false if there is none.
  bool run_one();
  /// Whether an operation waits for others that may yet be enqueued.
  bool may_continue() const;
  /// Lets the host know of all that happened up to a finished operation.
  void tell_host(const Ticket& ticket) { host_.learn(ticket->clock); }
  const Clock& host() const { return host_; }

  /// Whether work waits in the queues that the predicate holds for.
  bool any_pending(const std::function<bool(const Operation&)>& predicate) const;

 private:
  struct Pending {
    Enqueued enqueued;
    Clock host;  // what the host knew when it enqueued
    Ticket ticket;
    std::shared_ptr<Meeting> meeting;            // of a collective
    std::optional<std::uint64_t> source_digest;  // of pinned memory that nobody may change before the turn
  };
  struct Queue {
    std::deque<Pending> queue;
    std::uint32_t count = 0;  // operations run
    Clock clock;
    double finished_at = 0;
    Ticket tail;
    bool closing = false;
  };

  bool at_head(Lane lane) const;
  bool may_run(Lane lane) const;
  void run_meeting(const Meeting& meeting);
  void run_head(Lane lane);
  Clock clock_at(Lane lane) const;
  void finish(Lane lane, const Clock& clock, double finished_at);
  double start_of(Lane lane) const;
  void guard_pinned(Pending& pending);

  Execute execute_;
  std::mt19937_64 random_;
  std::vector<Queue> lanes_;
  std::vector<Lane> unused_;
  Clock host_;
};

}  // namespace slipway::simt
