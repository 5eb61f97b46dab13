#include "kernels/simt/runtime/memory_map.h"

#include "core/base/error.h"

namespace slipway::simt {

std::string describe(const TrackedMemory& allocation) {
  return allocation.kind == MemoryKind::pinned
             ? text(allocation.bytes, " bytes of pinned memory")
             : text(allocation.bytes, " bytes on device ", allocation.device);
}

std::string describe(const TrackedMemory& allocation, std::size_t offset, std::size_t bytes) {
  return text("bytes ", offset, " to ", offset + bytes - 1, " of the ", describe(allocation));
}

bool Region::overlaps(const Region& other) const {
  return allocation && allocation == other.allocation && offset < other.offset + other.bytes &&
         other.offset < offset + bytes;
}

std::shared_ptr<TrackedMemory> MemoryMap::add(TrackedMemory allocation) {
  // What lay here before has been released, or this address could not be given out again.
  auto next = allocations_.lower_bound(allocation.data);
  if (next != allocations_.begin()) {
    const auto previous = std::prev(next);
    if (previous->second->data + previous->second->bytes > allocation.data) allocations_.erase(previous);
  }
  while (next != allocations_.end() && next->first < allocation.data + allocation.bytes) {
    next = allocations_.erase(next);
  }
  auto shared = std::make_shared<TrackedMemory>(std::move(allocation));
  allocations_[shared->data] = shared;
  return shared;
}

std::shared_ptr<TrackedMemory> MemoryMap::find(const void* address) const {
  const auto* byte = static_cast<const std::byte*>(address);
  const auto after = allocations_.upper_bound(byte);
  if (after == allocations_.begin()) return nullptr;
  const auto& allocation = std::prev(after)->second;
  return byte < allocation->data + allocation->bytes ? allocation : nullptr;
}

std::vector<std::shared_ptr<TrackedMemory>> MemoryMap::live() const {
  std::vector<std::shared_ptr<TrackedMemory>> found;
  for (const auto& [data, allocation] : allocations_) {
    if (!allocation->retired) found.push_back(allocation);
  }
  return found;
}

}  // namespace slipway::simt
