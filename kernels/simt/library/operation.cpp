#include "kernels/simt/library/operation.h"

#include "core/base/error.h"
#include "kernels/simt/arena.h"
#include "kernels/simt/report.h"
#include "kernels/simt/runtime/pinned_guard.h"

namespace slipway::simt {
namespace {

// Simulated time, for programs that measure.
constexpr double kStartMicroseconds = 2;
constexpr double kFlops = 50e6;  // a microsecond

bool is_written(const LibraryArray& array) {
  return array.use == ArrayUse::written || array.use == ArrayUse::workspace;
}

/// The array's memory; none, and a finding, if it is not all memory of the device.
Region find_region(const Machine& machine, const LibraryOperation& operation, const LibraryArray& array) {
  const auto refuse = [&](const char* kind, const std::string& what) {
    report({.kind = kind,
            .message = text(operation.name, " on device ", operation.device, " is given ", array.name, " of ",
                            array.bytes, " bytes, ", what),
            .pc = operation.caller});
    return Region{};
  };
  const auto allocation = machine.memory.find(array.data);
  if (!allocation) return refuse("out of bounds", "which is no memory of a device");
  if (allocation->retired) {
    return refuse("use after free", text("in ", describe(*allocation), ", which the program has freed"));
  }
  const auto offset = static_cast<std::size_t>(static_cast<const std::byte*>(array.data) - allocation->data);
  if (array.bytes > allocation->bytes - offset) {
    return refuse("out of bounds", text("from byte ", offset, " of ", describe(*allocation)));
  }
  if (allocation->kind != MemoryKind::device || !machine.may_access(operation.device, allocation->device)) {
    return refuse("wrong device", text("in ", describe(*allocation)));
  }
  return {allocation, offset, array.bytes};
}

bool overlap_allowed(const LibraryArray& a, const LibraryArray& b) {
  if (!is_written(a) && !is_written(b)) return true;
  const auto in_place = [](const LibraryArray& read, const LibraryArray& written) {
    return read.use == ArrayUse::read_in_place && written.use == ArrayUse::written;
  };
  return a.data == b.data && a.bytes == b.bytes && (in_place(a, b) || in_place(b, a));
}

bool check_overlaps(const LibraryOperation& operation, const std::vector<Region>& regions) {
  for (std::size_t i = 0; i < regions.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      const LibraryArray &a = operation.arrays[j], &b = operation.arrays[i];
      if (!regions[i].overlaps(regions[j]) || overlap_allowed(a, b)) continue;
      report({.kind = "overlapping arrays",
              .message = text(operation.name, ": ", a.name, " and ", b.name, " overlap"),
              .pc = operation.caller});
      return false;
    }
  }
  return true;
}

}  // namespace

bool submit(Machine& machine, const LibraryOperation& operation) {
  expect_working_device();
  StreamState& stream = machine.stream(operation.stream);
  if (stream.device != operation.device) {
    report({.kind = "wrong device",
            .message = text(operation.name, " with a handle of device ", operation.device,
                            " is given a stream of device ", stream.device),
            .pc = operation.caller});
    return false;
  }
  std::vector<Region> regions;
  for (const LibraryArray& array : operation.arrays) {
    regions.push_back(array.bytes == 0 ? Region{} : find_region(machine, operation, array));
    if (array.bytes != 0 && !regions.back()) return false;
  }
  if (!check_overlaps(operation, regions)) return false;
  Operation queued{.name = operation.name, .kind = OperationKind::kernel, .device = stream.device};
  std::vector<Region> workspaces, results;
  for (std::size_t i = 0; i < regions.size(); ++i) {
    if (!regions[i]) continue;
    const LibraryArray& array = operation.arrays[i];
    (is_written(array) ? queued.writes : queued.reads).push_back(regions[i]);
    if (array.use == ArrayUse::workspace) workspaces.push_back(regions[i]);
    if (array.use == ArrayUse::written) results.push_back(regions[i]);
  }
  queued.run = [workspaces, results, run = operation.run] {
    for (const Region& workspace : workspaces) poison(workspace);
    run();
    for (const Region& result : results) mark_initialised(result.data(), result.bytes);
  };
  queued.microseconds = kStartMicroseconds + operation.flops / kFlops;
  queued.caller = operation.caller;
  machine.submit(stream, std::move(queued));
  return true;
}

}  // namespace slipway::simt
