#pragma once

#include <mpi.h>

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "core/comm/mpi_steps.h"

namespace slipway {

/// What a rank does in one step of an all-reduce: it sends all its values to its partner, adds the partner's
/// to its own, or takes them for its own.
struct DoublingStep {
  int partner = 0;
  bool sends = false, adds = false, takes = false;
};

/// The steps of a rank of `size`, log2(size) of them: in step k pairs 2^k apart exchange sums over 2^k ranks.
/// What exceeds a power of two is added to a neighbour first and takes the result from it.
/// Source: Thakur, Rabenseifner, Gropp, "Optimization of Collective Communication Operations in MPICH", 2005.
std::vector<DoublingStep> doubling_steps(int rank, int size);

/// An all-reduce of few values: sooner done than Open MPI's MPI_Iallreduce, which makes a schedule first and
/// then goes through it.
class RecursiveDoubling final : public MpiSteps {
 public:
  struct Values {
    std::byte* data = nullptr;
    int count = 0, bytes = 0;  // of all
    MPI_Datatype type = MPI_DATATYPE_NULL;
    MPI_Op sum = MPI_OP_NULL;
  };
  /// `tag`: of this one among those that go on at the same time. The steps are this rank's.
  RecursiveDoubling(MPI_Comm ranks, int tag, std::span<const DoublingStep> steps, const Values& values);

  int next(std::vector<MPI_Request>& requests) override;

 private:
  MPI_Comm ranks_;
  int tag_;
  std::span<const DoublingStep> steps_;
  Values values_;
  std::unique_ptr<std::byte[]> received_;
  bool adds_ = false;
};

}  // namespace slipway
