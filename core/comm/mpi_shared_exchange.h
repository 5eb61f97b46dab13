#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "core/comm/mpi_values.h"
#include "core/comm/rank_memory.h"
#include "core/comm/shard.h"

namespace slipway {

/// Places in memory that all ranks share, through which pieces of exchanges pass: piece n, counted from 1,
/// through the (n mod kSlots)-th of each rank.
class SharedSlots {
 public:
  /// What ranks tell each other of a slot. Numbers only grow: nobody has to wait until they were read.
  struct Notes {
    std::uint64_t brought = 0;  // the last piece of which this rank's values are there
    std::uint64_t made = 0;     // the last of which its slice is there, the sum if there is one
    std::uint64_t left = 0;     // the last of which it needs nothing any more
    std::uint64_t unused[5]{};  // up to a cache line
  };
  static constexpr std::size_t kSlots = 8, kSlotBytes = 256 << 10;  // small enough for a cache

  /// Null where ranks can't share memory. All of them call it together.
  static std::unique_ptr<SharedSlots> make(Communicator& ranks);

  const Shard& shard() const { return shard_; }
  /// Of a slot, for the slice of one rank.
  std::size_t slice_bytes() const;
  /// Where a rank's slot has values of the slice of rank `slice`.
  std::byte* at(int rank, std::uint64_t piece, int slice) const;
  /// The number of the first of so many pieces, which belong to one exchange.
  std::uint64_t take(std::uint64_t pieces);

  void tell(std::uint64_t Notes::*note, std::uint64_t piece) const;
  bool all_told(std::uint64_t Notes::*note, std::uint64_t piece) const;
  /// Whether what was in its slot before is no longer needed.
  bool is_free(std::uint64_t piece) const;

 private:
  SharedSlots(std::unique_ptr<RankMemory> memory, const Shard& shard)
      : memory_(std::move(memory)), shard_(shard) {}
  Notes& notes(int rank, std::uint64_t piece) const;

  std::unique_ptr<RankMemory> memory_;
  Shard shard_;
  std::uint64_t last_ = 0;
};

/// An exchange between ranks of one machine that never waits and copies in blocks which stay in a cache. MPI
/// would copy by the kernel, page by page, a slice at a time, and then read it again.
class SharedExchange {
 public:
  SharedExchange(SharedSlots& slots, SliceExchange kind, const MpiValues& values);

  /// Does what can be done without waiting; whether that was all. `code` becomes MPI's.
  bool advance(int& code);

 private:
  struct Block {
    std::byte* data;
    std::size_t bytes;
  };
  /// What a piece has of the slice of a rank.
  Block block(std::uint64_t piece, int slice) const;
  template <class Do>
  void for_others(const Do& body) const;
  void bring(std::uint64_t piece) const;
  int make(std::uint64_t piece) const;
  void fetch(std::uint64_t piece) const;

  SharedSlots& slots_;
  SliceExchange kind_;
  MpiValues values_;
  std::uint64_t first_ = 0, end_ = 0;                   // pieces
  std::uint64_t brought_ = 0, made_ = 0, fetched_ = 0;  // up to these pieces
};

}  // namespace slipway
