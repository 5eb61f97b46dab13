#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "kernels/simt/runtime/access_history.h"

namespace slipway::simt {

enum class MemoryKind : std::uint8_t { device, pinned };

/// Memory that the runtime has given out; it outlives its release for those who still mean to use it.
struct TrackedMemory {
  std::byte* data = nullptr;
  std::size_t bytes = 0;
  MemoryKind kind = MemoryKind::device;
  int device = 0;                // of pinned memory, the one that was current
  const void* caller = nullptr;  // the code that asked for it
  bool retired = false;          // given back by the program: no call may name it any more
  std::string released_by;       // the operation that ended its use; empty before
  AccessHistory history;
};

/// "bytes 16 to 31 of the 64 bytes on device 0"
std::string describe(const TrackedMemory& allocation, std::size_t offset, std::size_t bytes);
/// "64 bytes on device 0"
std::string describe(const TrackedMemory& allocation);

/// A range of bytes of one allocation, or none.
struct Region {
  std::shared_ptr<TrackedMemory> allocation;
  std::size_t offset = 0;
  std::size_t bytes = 0;

  explicit operator bool() const { return allocation != nullptr; }
  std::byte* data() const { return allocation->data + offset; }
  bool overlaps(const Region& other) const;
};

/// Finds allocations by address, also those given back until their address is given out again.
class MemoryMap {
 public:
  std::shared_ptr<TrackedMemory> add(TrackedMemory allocation);

  /// The allocation that holds the address; null if there is none.
  std::shared_ptr<TrackedMemory> find(const void* address) const;
  /// Those that the program has not given back.
  std::vector<std::shared_ptr<TrackedMemory>> live() const;

 private:
  std::map<const std::byte*, std::shared_ptr<TrackedMemory>> allocations_;
};

}  // namespace slipway::simt
