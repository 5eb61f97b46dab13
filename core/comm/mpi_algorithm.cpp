#include "core/comm/mpi_algorithm.h"

namespace slipway {

MpiAlgorithm::MpiAlgorithm() {
  constexpr const char* kVariable = "coll_libnbc_iallreduce_algorithm";
  constexpr int kRing = 1;
  int provided = 0, index = 0, count = 0;
  ready_ = MPI_T_init_thread(MPI_THREAD_SERIALIZED, &provided) == MPI_SUCCESS;
  if (!ready_ || MPI_T_cvar_get_index(kVariable, &index) != MPI_SUCCESS) return;
  if (MPI_T_cvar_handle_alloc(index, nullptr, &handle_, &count) != MPI_SUCCESS || count != 1)
    handle_ = MPI_T_CVAR_HANDLE_NULL;
  if (handle_ != MPI_T_CVAR_HANDLE_NULL) MPI_T_cvar_write(handle_, &kRing);
}

MpiAlgorithm::~MpiAlgorithm() {
  if (handle_ != MPI_T_CVAR_HANDLE_NULL) MPI_T_cvar_handle_free(&handle_);
  if (ready_) MPI_T_finalize();
}

}  // namespace slipway
