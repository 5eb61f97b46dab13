#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

namespace slipway::simt {

/// The memory of the simulated GPUs: a range of addresses for each, in which allocations lie apart, so that
/// what runs over the end of one hits nothing. Fresh memory is poisoned.

inline constexpr int kMaxDevices = 16;

/// 256-byte aligned; null if the device's memory is exhausted.
void* allocate(int device, std::size_t bytes);
/// False if no allocation begins there.
bool release(void* begin);

/// One allocation.
struct Allocation {
  void* begin = nullptr;
  std::size_t bytes = 0;
  int device = 0;
};
/// The living allocation that holds this address.
std::optional<Allocation> find(const void* address);
/// The device to whose range of addresses this one belongs, allocated or not; -1 if it is no device's.
int device_of(const void* address);

struct AddressRange {
  char* begin = nullptr;
  char* end = nullptr;
  bool contains(const void* address) const { return address >= begin && address < end; }
};
/// Of all devices together.
AddressRange device_addresses();

/// Tells the checker that something other than a kernel, a copy or a fill, has written these bytes.
void mark_initialised(const void* begin, std::size_t bytes);
/// Tells the checker that no kernel may write these bytes until they are writable again.
enum class Protection : std::uint8_t { writable, read_only };
void protect(const void* begin, std::size_t bytes, Protection protection);

struct MemoryUse {
  std::size_t used = 0;
  std::size_t total = 0;
};
MemoryUse memory_use(int device);

}  // namespace slipway::simt
