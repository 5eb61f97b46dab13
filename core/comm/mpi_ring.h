#pragma once

#include <mpi.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/comm/mpi_steps.h"
#include "core/comm/mpi_values.h"
#include "core/comm/shard.h"

namespace slipway {

/// An exchange of many values, cut into a slice for each rank: in each step every rank sends one slice to the
/// next rank and gets one from that before. Sums of a slice are formed on its way to its rank, and then go
/// round to the others; each rank sends and gets no more than it must, and only from its neighbours, which
/// launchers put on the same machine. Open MPI has such a ring for MPI_Iallreduce alone.
/// Source: Patarasuk and Yuan, "Bandwidth optimal all-reduce algorithms for clusters of workstations", 2009.
class Ring final : public MpiSteps {
 public:
  /// How much memory of its own it needs.
  static std::size_t scratch_bytes(const MpiValues& values, int ranks, SliceExchange kind);
  /// `tag`: of this one among those that go on at the same time.
  Ring(MPI_Comm ranks, int tag, const Shard& shard, SliceExchange kind, const MpiValues& values,
       std::byte* scratch);

  int next(std::vector<MPI_Request>& requests) override;

 private:
  struct Slice {
    std::byte* data = nullptr;
    int count = 0;
  };
  /// Of the rank of this number, counted on from the last to the first.
  Slice slice(int number) const;

  MPI_Comm ranks_;
  int tag_;
  Shard shard_;
  SliceExchange kind_;
  MpiValues values_;
  std::byte* scratch_;
  int step_ = 0;
  Slice adds_;  // to which what has come is to be added
};

}  // namespace slipway
