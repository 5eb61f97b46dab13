#include "kernels/simt/runtime/schedule.h"

#include <algorithm>
#include <cstring>

#include "kernels/simt/runtime/pinned_guard.h"

namespace slipway::simt {

Lane Schedule::open_lane() {
  if (unused_.empty()) {
    lanes_.emplace_back();
    return static_cast<Lane>(lanes_.size() - 1);
  }
  // A lane that is used again goes on counting, so that no position means two operations.
  const Lane lane = unused_.back();
  unused_.pop_back();
  lanes_[lane].closing = false;
  return lane;
}

void Schedule::close_lane(Lane lane) {
  lanes_[lane].closing = true;
  if (pending(lane) == 0) unused_.push_back(lane);
}

Ticket Schedule::enqueue(Lane lane, Enqueued enqueued) {
  Queue& queue = lanes_[lane];
  auto ticket = std::make_shared<Completion>();
  ticket->device = enqueued.operation.device;
  Pending pending{std::move(enqueued), host_, std::move(ticket), nullptr, {}};
  guard_pinned(pending);
  if (Operation& operation = pending.enqueued.operation; operation.join) {
    Participation participation = operation.join();
    participation.meeting->lanes.push_back(lane);
    pending.meeting = std::move(participation.meeting);
    operation.run = std::move(participation.run);
  }
  queue.tail = pending.ticket;
  queue.queue.push_back(std::move(pending));
  return queue.tail;
}

std::vector<Ticket> Schedule::tails(int device) const {
  std::vector<Ticket> found;
  for (const Queue& queue : lanes_) {
    if (queue.tail && queue.tail->device == device) found.push_back(queue.tail);
  }
  return found;
}

void Schedule::guard_pinned(Pending& pending) {
  const Operation& operation = pending.enqueued.operation;
  const auto pinned = [](const Region& region) {
    return region && region.allocation->kind == MemoryKind::pinned && region.allocation->released_by.empty();
  };
  const auto earlier_may_touch = [&](const Region& region, std::vector<Region> Operation::*regions) {
    return any_pending([&](const Operation& earlier) {
      return earlier.kind == OperationKind::host_function || earlier.kind == OperationKind::kernel ||
             std::any_of((earlier.*regions).begin(), (earlier.*regions).end(),
                         [&](const Region& other) { return other.overlaps(region); });
    });
  };
  // Operations before this one may write the source, or read the target, when it is their turn.
  if (operation.kind == OperationKind::copy && pinned(operation.reads.front()) &&
      !earlier_may_touch(operation.reads.front(), &Operation::writes)) {
    pending.source_digest = digest(operation.reads.front());
  }
  for (const Region& target : operation.writes) {
    if (pinned(target) && !earlier_may_touch(target, &Operation::reads)) poison(target);
  }
}

bool Schedule::any_pending(const std::function<bool(const Operation&)>& predicate) const {
  return std::any_of(lanes_.begin(), lanes_.end(), [&](const Queue& lane) {
    return std::any_of(lane.queue.begin(), lane.queue.end(),
                       [&](const Pending& pending) { return predicate(pending.enqueued.operation); });
  });
}

bool Schedule::at_head(Lane lane) const {
  if (lanes_[lane].queue.empty()) return false;
  const Enqueued& head = lanes_[lane].queue.front().enqueued;
  return std::all_of(head.after.begin(), head.after.end(), [](const Ticket& ticket) { return ticket->done; });
}

bool Schedule::may_run(Lane lane) const {
  if (!at_head(lane)) return false;
  const auto& meeting = lanes_[lane].queue.front().meeting;
  if (!meeting || meeting->abandoned) return true;
  return meeting->lanes.size() == meeting->expected &&
         std::all_of(meeting->lanes.begin(), meeting->lanes.end(), [&](Lane other) {
           return at_head(other) && lanes_[other].queue.front().meeting == meeting;
         });
}

bool Schedule::may_continue() const {
  for (Lane lane = 0; lane < lanes_.size(); ++lane) {
    if (!at_head(lane)) continue;
    const auto& meeting = lanes_[lane].queue.front().meeting;
    if (meeting && meeting->lanes.size() < meeting->expected && meeting->may_complete()) return true;
  }
  return false;
}

bool Schedule::run_one() {
  std::vector<Lane> ready;
  for (Lane lane = 0; lane < lanes_.size(); ++lane) {
    if (may_run(lane)) ready.push_back(lane);
  }
  if (ready.empty()) return false;
  const Lane lane = ready[random_() % ready.size()];
  const auto meeting = lanes_[lane].queue.front().meeting;
  if (meeting && !meeting->abandoned) {
    run_meeting(*meeting);
  } else {
    run_head(lane);
  }
  return true;
}

Clock Schedule::clock_at(Lane lane) const {
  const Queue& queue = lanes_[lane];
  const Pending& head = queue.queue.front();
  Clock clock = queue.clock;
  clock.learn(head.host);
  for (const Ticket& ticket : head.enqueued.after) clock.learn(ticket->clock);
  clock.learn(LanePosition{lane, queue.count + 1});
  return clock;
}

double Schedule::start_of(Lane lane) const {
  const Queue& queue = lanes_[lane];
  double start = queue.finished_at;
  for (const Ticket& ticket : queue.queue.front().enqueued.after)
    start = std::max(start, ticket->finished_at);
  return start;
}

void Schedule::run_head(Lane lane) {
  const Clock clock = clock_at(lane);
  const Pending& head = lanes_[lane].queue.front();
  const double finished_at = start_of(lane) + head.enqueued.operation.microseconds;
  execute_({head.enqueued.operation, {lane, lanes_[lane].count + 1}, clock, head.source_digest});
  finish(lane, clock, finished_at);
}

void Schedule::run_meeting(const Meeting& meeting) {
  // Every participant has waited for all others.
  Clock clock;
  double finished_at = 0;
  for (Lane lane : meeting.lanes) {
    clock.learn(clock_at(lane));
    finished_at =
        std::max(finished_at, start_of(lane) + lanes_[lane].queue.front().enqueued.operation.microseconds);
  }
  for (Lane lane : meeting.lanes) {
    const Pending& head = lanes_[lane].queue.front();
    execute_({head.enqueued.operation, {lane, lanes_[lane].count + 1}, clock, head.source_digest});
  }
  const std::vector<Lane> lanes = meeting.lanes;
  for (Lane lane : lanes) finish(lane, clock, finished_at);
}

void Schedule::finish(Lane lane, const Clock& clock, double finished_at) {
  Queue& queue = lanes_[lane];
  ++queue.count;
  queue.clock = clock;
  queue.finished_at = finished_at;
  Completion& completion = *queue.queue.front().ticket;
  completion.done = true;
  completion.clock = clock;
  completion.finished_at = finished_at;
  queue.queue.pop_front();
  if (queue.closing && queue.queue.empty()) unused_.push_back(lane);
}

}  // namespace slipway::simt
