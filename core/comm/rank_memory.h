#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/comm/communicator.h"

namespace slipway {

/// Memory of all ranks, which are on one machine: each can read and write that of the others, as many bytes
/// as of its own, zero at first. It lies in files without names, and is gone with the last process that has
/// it.
class RankMemory {
 public:
  /// How other processes find it; copied from one to another as it is.
  struct Address {
    std::int64_t process = 0, descriptor = -1, inode = 0;  // no descriptor: there is none
  };

  /// This rank's.
  explicit RankMemory(std::size_t bytes);
  RankMemory(const RankMemory&) = delete;
  RankMemory& operator=(const RankMemory&) = delete;
  ~RankMemory();

  Address address() const;
  /// Finds that of all ranks, by rank. Whether it could.
  bool find(std::span<const Address> addresses);

  /// Once all were found; at the beginning of a page.
  std::byte* of(int rank) const { return places_[static_cast<std::size_t>(rank)]; }

 private:
  std::byte* map(const Address& address) const;

  std::size_t bytes_;
  int descriptor_ = -1;
  std::vector<std::byte*> places_;  // by rank; null where there was none
};

/// All ranks call it together, for as many bytes. Null where any of them can't reach another's memory.
std::unique_ptr<RankMemory> share_memory(Communicator& ranks, std::size_t bytes);

}  // namespace slipway
