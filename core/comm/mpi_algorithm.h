#pragma once

#include <mpi.h>

namespace slipway {

/// Makes Open MPI all-reduce in a ring where it does not block. Of values that are reduced in place it would
/// otherwise send all of them to one rank and back, however large they are, which takes twice as long as
/// MPI_Allreduce does. Other libraries choose by themselves.
class MpiAlgorithm {
 public:
  /// After MPI_Init.
  MpiAlgorithm();
  MpiAlgorithm(const MpiAlgorithm&) = delete;
  MpiAlgorithm& operator=(const MpiAlgorithm&) = delete;
  ~MpiAlgorithm();

 private:
  bool ready_ = false;
  MPI_T_cvar_handle handle_ = MPI_T_CVAR_HANDLE_NULL;
};

}  // namespace slipway
