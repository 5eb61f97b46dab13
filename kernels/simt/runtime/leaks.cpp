#include "core/base/error.h"
#include "kernels/simt/report.h"
#include "kernels/simt/runtime/call.h"
#include "kernels/simt/runtime/control.h"

namespace slipway::simt {
namespace {

void report_leak(const std::string& what, const void* caller) {
  report({.kind = "leak", .message = what + " never released", .pc = caller});
}

template <class State>
std::size_t report_handles(const Handles<State>& handles, const char* kind) {
  std::size_t count = 0;
  for (const auto& [handle, entry] : handles) {
    report_leak(text("a ", kind), entry->caller);
    ++count;
  }
  return count;
}

}  // namespace

std::size_t report_leaks() {
  const std::lock_guard lock(call_mutex());
  const Machine& held = machine();
  const auto allocations = held.memory.live();
  for (const auto& allocation : allocations) report_leak(describe(*allocation), allocation->caller);
  return allocations.size() + report_handles(held.streams, "stream") + report_handles(held.events, "event") +
         report_handles(held.graphs, "graph") + report_handles(held.executables, "executable graph");
}

}  // namespace slipway::simt
