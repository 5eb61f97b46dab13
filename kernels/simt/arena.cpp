#include "kernels/simt/arena.h"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <deque>
#include <map>
#include <mutex>
#include <utility>

#include "core/base/error.h"
#include "kernels/simt/checker.h"
#include "kernels/simt/device_shadow.h"
#include "kernels/simt/settings.h"

namespace slipway::simt {
namespace {

constexpr std::size_t kRangeBytes = std::size_t{32} << 30;  // address space of a device
constexpr std::size_t kAlignment = 256;
constexpr std::size_t kGap = 256;  // between allocations
// Freed memory is not used again before this much more has been freed, so that late accesses hit nothing.
constexpr std::size_t kQuarantineBytes = std::size_t{64} << 20;
constexpr std::size_t kReturnBytes = std::size_t{1} << 20;  // larger ones go back to the system when freed

std::size_t span(std::size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment + kGap; }

/// The memory of one device.
class DeviceMemory {
 public:
  void* allocate(char* range, std::size_t bytes) {
    const std::size_t needed = span(bytes);
    if (used_ + bytes > settings().device_bytes) return nullptr;
    if (!fresh_) fresh_ = range + kGap;
    char* begin = nullptr;
    const auto fits = [needed](const auto& hole) { return hole.second >= needed; };
    if (const auto hole = std::find_if(holes_.begin(), holes_.end(), fits); hole != holes_.end()) {
      begin = hole->first;
      const std::size_t rest = hole->second - needed;
      holes_.erase(hole);
      if (rest) holes_[begin + needed] = rest;
    } else {
      if (fresh_ + needed > range + kRangeBytes) return nullptr;
      begin = std::exchange(fresh_, fresh_ + needed);
    }
    used_ += bytes;
    living_[begin] = bytes;
    if (settings().poison) std::memset(begin, 0xff, bytes);
    if (checking()) DeviceShadow::instance().set(begin, bytes, DeviceShadow::allocated);
    return begin;
  }

  bool release(char* begin) {
    const auto found = living_.find(begin);
    if (found == living_.end()) return false;
    const std::size_t bytes = found->second;
    living_.erase(found);
    used_ -= bytes;
    if (checking()) DeviceShadow::instance().set(begin, bytes, DeviceShadow::freed);
    if (bytes >= kReturnBytes) madvise(begin, span(bytes) - kGap, MADV_DONTNEED);
    quarantine_.emplace_back(begin, span(bytes));
    quarantined_ += span(bytes);
    for (; quarantined_ > kQuarantineBytes; quarantine_.pop_front()) {
      const auto [oldest, freed] = quarantine_.front();
      quarantined_ -= freed;
      if (checking()) DeviceShadow::instance().set(oldest, freed, 0);
      add_hole(oldest, freed);
    }
    return true;
  }

  std::pair<char*, std::size_t> find(char* address) const {
    auto above = living_.upper_bound(address);
    if (above == living_.begin()) return {nullptr, 0};
    --above;
    return address < above->first + std::max<std::size_t>(above->second, 1)
               ? std::pair(*above)
               : std::pair<char* const, std::size_t>{};
  }
  std::size_t used() const { return used_; }

 private:
  void add_hole(char* begin, std::size_t bytes) {
    const auto after = holes_.lower_bound(begin);
    if (after != holes_.end() && after->first == begin + bytes) {
      bytes += after->second;
      holes_.erase(after);
    }
    const auto before = holes_.lower_bound(begin);
    if (before != holes_.begin() && std::prev(before)->first + std::prev(before)->second == begin) {
      std::prev(before)->second += bytes;
    } else {
      holes_[begin] = bytes;
    }
  }

  std::map<char*, std::size_t> living_;
  std::map<char*, std::size_t> holes_;
  std::deque<std::pair<char*, std::size_t>> quarantine_;
  std::size_t quarantined_ = 0;
  std::size_t used_ = 0;
  char* fresh_ = nullptr;
};

/// All devices' ranges, one after the other.
class Arena {
 public:
  Arena() {
    void* begin = mmap(nullptr, kRangeBytes * kMaxDevices, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    require(begin != MAP_FAILED, "simulated GPU: no address space for device memory");
    begin_ = static_cast<char*>(begin);
  }

  int device_of(const void* address) const {
    const auto offset = reinterpret_cast<std::uintptr_t>(address) - reinterpret_cast<std::uintptr_t>(begin_);
    return offset < kRangeBytes * kMaxDevices ? static_cast<int>(offset / kRangeBytes) : -1;
  }
  char* range(int device) const { return begin_ + kRangeBytes * static_cast<std::size_t>(device); }
  DeviceMemory& memory(int device) { return memories_.at(static_cast<std::size_t>(device)); }

  AddressRange addresses() const { return {begin_, begin_ + kRangeBytes * kMaxDevices}; }

  std::mutex mutex;

 private:
  char* begin_;
  std::array<DeviceMemory, kMaxDevices> memories_;
};

Arena& arena() {
  static Arena instance;
  return instance;
}

}  // namespace

void* allocate(int device, std::size_t bytes) {
  const std::scoped_lock lock(arena().mutex);
  return arena().memory(device).allocate(arena().range(device), bytes);
}

bool release(void* begin) {
  const int device = device_of(begin);
  if (device < 0) return false;
  const std::scoped_lock lock(arena().mutex);
  return arena().memory(device).release(static_cast<char*>(begin));
}

std::optional<Allocation> find(const void* address) {
  const int device = device_of(address);
  if (device < 0) return std::nullopt;
  const std::scoped_lock lock(arena().mutex);
  const auto [begin, bytes] = arena().memory(device).find(static_cast<char*>(const_cast<void*>(address)));
  if (!begin) return std::nullopt;
  return Allocation{begin, bytes, device};
}

int device_of(const void* address) { return arena().device_of(address); }

AddressRange device_addresses() { return arena().addresses(); }

void mark_initialised(const void* begin, std::size_t bytes) {
  if (checking()) DeviceShadow::instance().add(begin, bytes, DeviceShadow::initialised);
}

void protect(const void* begin, std::size_t bytes, Protection protection) {
  if (!checking()) return;
  DeviceShadow& shadow = DeviceShadow::instance();
  if (protection == Protection::read_only) shadow.add(begin, bytes, DeviceShadow::read_only);
  if (protection == Protection::writable) shadow.remove(begin, bytes, DeviceShadow::read_only);
}

MemoryUse memory_use(int device) {
  const std::scoped_lock lock(arena().mutex);
  return {arena().memory(device).used(), settings().device_bytes};
}

}  // namespace slipway::simt
