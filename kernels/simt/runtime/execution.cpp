#include <algorithm>
#include <exception>

#include "core/base/error.h"
#include "kernels/simt/arena.h"
#include "kernels/simt/report.h"
#include "kernels/simt/runtime/machine.h"
#include "kernels/simt/runtime/pinned_guard.h"
#include "kernels/simt/settings.h"

// How the machine runs an operation whose turn has come, and what it checks before.
namespace slipway::simt {

void Machine::execute(const Turn& turn) {
  const Operation& operation = turn.operation;
  // A device that has failed does no more work.
  if (device(operation.device).failure != cudaSuccess) return;
  const auto all_usable = [&](const std::vector<Region>& regions) {
    return std::all_of(regions.begin(), regions.end(),
                       [&](const Region& region) { return usable(region, operation); });
  };
  if (!all_usable(operation.reads) || !all_usable(operation.writes)) return;
  accessor_ = {log_.add(turn.position, operation.name), &turn.clock};
  for (const Region& region : operation.reads) record(region, AccessKind::read, operation, operation.caller);
  for (const Region& region : operation.writes)
    record(region, AccessKind::write, operation, operation.caller);
  if (turn.source_digest && *turn.source_digest != digest(operation.reads.front())) {
    report({.kind = "overwritten source",
            .message = text(operation.name,
                            " finds that its pinned source was changed after the call; wait for the "
                            "copy before writing to its source"),
            .pc = operation.caller});
  }
  run(operation);
}

bool Machine::usable(const Region& region, const Operation& operation) const {
  if (!region || region.allocation->released_by.empty()) return true;
  report({.kind = "use after free",
          .message = text(operation.name, " uses ", describe(*region.allocation, region.offset, region.bytes),
                          ", which ", region.allocation->released_by, " has freed; nothing made that wait"),
          .pc = operation.caller});
  return false;
}

void Machine::record(const Region& region, AccessKind kind, const Operation& operation, const void* pc) {
  if (!region) return;
  const std::lock_guard lock(history_mutex_);
  const auto conflict = region.allocation->history.access(log_, accessor_, kind, region.offset, region.bytes);
  if (!conflict) return;
  report({.kind = "stream race",
          .message = text(operation.name, kind == AccessKind::read ? " reads " : " writes ",
                          describe(*region.allocation, conflict->offset, region.bytes), ", which ",
                          log_.name(conflict->earlier),
                          conflict->earlier_kind == AccessKind::read ? " reads" : " writes",
                          "; no event and no wait orders the two"),
          .pc = pc});
}

void Machine::note_access(const KernelAccess& access) {
  if (!running_) return;
  const auto allocation = memory.find(access.address);
  // What lies outside of all allocations is the checker's to report.
  if (!allocation || !allocation->released_by.empty()) return;
  const auto offset =
      static_cast<std::size_t>(static_cast<const std::byte*>(access.address) - allocation->data);
  const std::size_t bytes = std::min(access.bytes, allocation->bytes - offset);
  record({allocation, offset, bytes}, access.kind, *running_, access.pc);
}

void note_access(const KernelAccess& access) { machine().note_access(access); }

void Machine::check_free(const TrackedMemory& allocation, const char* by, const void* caller) const {
  const auto conflict = allocation.history.conflict_with_free(log_, schedule.host());
  if (!conflict) return;
  report({.kind = "use after free",
          .message = text(by, " frees ", describe(allocation), " that ", log_.name(conflict->earlier),
                          " uses; the host has not waited for that"),
          .pc = caller});
}

void Machine::run(const Operation& operation) {
  DeviceState& device = this->device(operation.device);
  if (operation.kind == OperationKind::kernel && ++usage.kernels == settings().faults.failing_launch) {
    device.failure = cudaErrorIllegalAddress;
    return;
  }
  if (!operation.run) return;
  running_ = &operation;
  try {
    operation.run();
  } catch (const std::exception& error) {
    report({.kind = "failure", .message = text(operation.name, ": ", error.what()), .pc = operation.caller});
    device.failure = cudaErrorLaunchFailure;
  }
  running_ = nullptr;
}

}  // namespace slipway::simt
