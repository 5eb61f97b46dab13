#pragma once

#include <mpi.h>

#include <chrono>
#include <optional>

#include "core/base/dtype.h"
#include "core/comm/mpi_roll_call.h"

namespace slipway {

/// This process as one of those that a launcher has started: what MPI knows of them. Once in a process. Where
/// the others don't come within `timeout`, the process ends with status 1.
class MpiSession {
 public:
  /// CommunicationError if MPI fails.
  explicit MpiSession(std::chrono::milliseconds timeout);
  MpiSession(const MpiSession&) = delete;
  MpiSession& operator=(const MpiSession&) = delete;
  /// In good order, all together: the last call.
  void leave(std::chrono::milliseconds timeout);

  MPI_Comm ranks() const { return ranks_; }
  int rank() const { return rank_; }
  int size() const { return size_; }
  bool on_one_machine() const { return on_one_machine_; }
  MPI_Op sum_of(DType dtype) const { return dtype == DType::bfloat16 ? bfloat16_sum_ : MPI_SUM; }
  RollCall& roll_call() { return *roll_call_; }

 private:
  MPI_Comm ranks_ = MPI_COMM_NULL;
  std::optional<RollCall> roll_call_;
  MPI_Op bfloat16_sum_ = MPI_OP_NULL;
  int rank_ = 0, size_ = 1;
  bool on_one_machine_ = false;
};

}  // namespace slipway
