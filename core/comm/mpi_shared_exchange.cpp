#include "core/comm/mpi_shared_exchange.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <utility>

namespace slipway {
namespace {

using Notes = SharedSlots::Notes;
using Note = std::atomic_ref<std::uint64_t>;
static_assert(Note::is_always_lock_free && sizeof(Notes) == 64);

constexpr std::size_t kNotesBytes = 4096;  // a page
static_assert(SharedSlots::kSlots * sizeof(Notes) <= kNotesBytes);

}  // namespace

std::unique_ptr<SharedSlots> SharedSlots::make(Communicator& ranks) {
  constexpr int kMostRanks = 1024;  // a slice of a slot each
  if (ranks.size() > kMostRanks) return nullptr;
  std::unique_ptr<RankMemory> memory = share_memory(ranks, kNotesBytes + kSlots * kSlotBytes);
  return memory ? std::unique_ptr<SharedSlots>(new SharedSlots(std::move(memory), ranks.shard())) : nullptr;
}

std::size_t SharedSlots::slice_bytes() const {
  constexpr std::size_t kCacheLine = 64;
  return kSlotBytes / static_cast<std::size_t>(shard_.ranks) / kCacheLine * kCacheLine;
}

std::byte* SharedSlots::at(int rank, std::uint64_t piece, int slice) const {
  return memory_->of(rank) + kNotesBytes + piece % kSlots * kSlotBytes +
         static_cast<std::size_t>(slice) * slice_bytes();
}

std::uint64_t SharedSlots::take(std::uint64_t pieces) {
  const std::uint64_t first = last_ + 1;
  last_ += pieces;
  return first;
}

SharedSlots::Notes& SharedSlots::notes(int rank, std::uint64_t piece) const {
  return reinterpret_cast<Notes*>(memory_->of(rank))[piece % kSlots];
}

void SharedSlots::tell(std::uint64_t Notes::*note, std::uint64_t piece) const {
  Note(notes(shard_.rank, piece).*note).store(piece, std::memory_order_release);
}

bool SharedSlots::all_told(std::uint64_t Notes::*note, std::uint64_t piece) const {
  for (int rank = 0; rank < shard_.ranks; ++rank) {
    if (Note(notes(rank, piece).*note).load(std::memory_order_acquire) < piece) return false;
  }
  return true;
}

bool SharedSlots::is_free(std::uint64_t piece) const {
  return piece <= kSlots || all_told(&Notes::left, piece - kSlots);
}

SharedExchange::SharedExchange(SharedSlots& slots, SliceExchange kind, const MpiValues& values)
    : slots_(slots), kind_(kind), values_(values) {
  const auto ranks = static_cast<std::size_t>(slots.shard().ranks);
  const std::size_t largest =
      (static_cast<std::size_t>(values.count) + ranks - 1) / ranks * values.element_bytes;
  const std::size_t pieces = (largest + slots.slice_bytes() - 1) / slots.slice_bytes();
  first_ = slots.take(pieces);
  end_ = first_ + pieces;
  brought_ = made_ = fetched_ = first_;
}

SharedExchange::Block SharedExchange::block(std::uint64_t piece, int slice) const {
  const Shard place{.rank = slice, .ranks = slots_.shard().ranks};
  const std::size_t all = static_cast<std::size_t>(place.size(values_.count)) * values_.element_bytes;
  const std::size_t begin = std::min(all, (piece - first_) * slots_.slice_bytes());
  return {.data = values_.data +
                  static_cast<std::size_t>(place.begin(values_.count)) * values_.element_bytes + begin,
          .bytes = std::min(all - begin, slots_.slice_bytes())};
}

/// From the next rank on: each begins with another.
template <class Do>
void SharedExchange::for_others(const Do& body) const {
  const Shard& shard = slots_.shard();
  for (int i = 1; i < shard.ranks; ++i) body((shard.rank + i) % shard.ranks);
}

bool SharedExchange::advance(int& code) {
  for (; brought_ < end_ && slots_.is_free(brought_); ++brought_) {
    bring(brought_);
    slots_.tell(&Notes::brought, brought_);
  }
  for (; made_ < brought_ && (!kind_.reduces || slots_.all_told(&Notes::brought, made_)); ++made_) {
    code = make(made_);
    if (code != MPI_SUCCESS) return true;
    slots_.tell(&Notes::made, made_);
  }
  for (; fetched_ < made_ && (!kind_.gathers || slots_.all_told(&Notes::made, fetched_)); ++fetched_) {
    fetch(fetched_);
    slots_.tell(&Notes::left, fetched_);
  }
  return fetched_ == end_;
}

/// To the others' slices.
void SharedExchange::bring(std::uint64_t piece) const {
  if (!kind_.reduces) return;
  for_others([&](int other) {
    const Block from = block(piece, other);
    std::memcpy(slots_.at(slots_.shard().rank, piece, other), from.data, from.bytes);
  });
}

/// The sum of this rank's slice, where it is, and for the others.
int SharedExchange::make(std::uint64_t piece) const {
  const int rank = slots_.shard().rank;
  const Block own = block(piece, rank);
  int code = MPI_SUCCESS;
  if (kind_.reduces) {
    const auto count = static_cast<int>(own.bytes / values_.element_bytes);
    for_others([&](int other) {
      if (code == MPI_SUCCESS)
        code = MPI_Reduce_local(slots_.at(other, piece, rank), own.data, count, values_.type, values_.sum);
    });
  }
  if (kind_.gathers) std::memcpy(slots_.at(rank, piece, rank), own.data, own.bytes);
  return code;
}

/// The others' slices.
void SharedExchange::fetch(std::uint64_t piece) const {
  if (!kind_.gathers) return;
  for_others([&](int other) {
    const Block to = block(piece, other);
    std::memcpy(to.data, slots_.at(other, piece, other), to.bytes);
  });
}

}  // namespace slipway
