#pragma once

#include <mpi.h>

#include <chrono>
#include <vector>

namespace slipway {

/// Who of the ranks is alive, asked when an exchange does not end. Each rank asks on its own, and once.
class RollCall {
 public:
  /// All ranks of `ranks` together.
  explicit RollCall(MPI_Comm ranks);
  RollCall(const RollCall&) = delete;
  RollCall& operator=(const RollCall&) = delete;

  /// Before MPI_Finalize, all ranks together.
  void end() { MPI_Comm_free(&ranks_); }

  /// Tells every rank that this one is alive and waits so long for them to tell it: those that did not.
  std::vector<int> silent_ranks(std::chrono::milliseconds answer_time);

 private:
  MPI_Comm ranks_ = MPI_COMM_NULL;  // of its own, so that its messages meet no others
  int rank_ = 0, size_ = 1;
  char here_ = 1;
  std::vector<char> heard_;  // by rank; answers may come in as long as there is MPI
};

}  // namespace slipway
