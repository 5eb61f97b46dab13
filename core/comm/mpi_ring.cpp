#include "core/comm/mpi_ring.h"

namespace slipway {

std::size_t Ring::scratch_bytes(const MpiValues& values, int ranks, SliceExchange kind) {
  const std::int64_t largest_slice = (values.count + ranks - 1) / ranks;
  return kind.reduces ? static_cast<std::size_t>(largest_slice) * values.element_bytes : 0;
}

Ring::Ring(MPI_Comm ranks, int tag, const Shard& shard, SliceExchange kind, const MpiValues& values,
           std::byte* scratch)
    : ranks_(ranks), tag_(tag), shard_(shard), kind_(kind), values_(values), scratch_(scratch) {}

Ring::Slice Ring::slice(int number) const {
  const Shard place{.rank = (number + 2 * shard_.ranks) % shard_.ranks, .ranks = shard_.ranks};
  return {.data = values_.data + static_cast<std::size_t>(place.begin(values_.count)) * values_.element_bytes,
          .count = static_cast<int>(place.size(values_.count))};
}

int Ring::next(std::vector<MPI_Request>& requests) {
  int code = MPI_SUCCESS;
  requests.clear();
  if (adds_.count > 0) code = MPI_Reduce_local(scratch_, adds_.data, adds_.count, values_.type, values_.sum);
  adds_ = {};
  const int rank = shard_.rank, rounds = shard_.ranks - 1, reducing = kind_.reduces ? rounds : 0;
  if (step_ == reducing + (kind_.gathers ? rounds : 0) || code != MPI_SUCCESS) return code;
  const bool reduces = step_ < reducing;
  const int round = reduces ? step_ : step_ - reducing;
  // The sum of a slice begins behind its rank and ends there; from there it goes round once more.
  const Slice sent = slice(reduces ? rank - 1 - round : rank - round);
  const Slice received = slice(reduces ? rank - 2 - round : rank - 1 - round);
  ++step_;
  if (reduces) adds_ = received;
  code = MPI_Irecv(reduces ? scratch_ : received.data, received.count, values_.type,
                   (rank + rounds) % shard_.ranks, tag_, ranks_, &requests.emplace_back());
  if (code != MPI_SUCCESS) return code;
  return MPI_Isend(sent.data, sent.count, values_.type, (rank + 1) % shard_.ranks, tag_, ranks_,
                   &requests.emplace_back());
}

}  // namespace slipway
