#include "core/comm/mpi_algorithm.h"

namespace slipway {
namespace {

constexpr const char* kVariable = "coll_libnbc_iallreduce_algorithm";
constexpr int kRing = 1, kRecursiveDoubling = 4;  // its values
constexpr std::size_t kLeastForRing = 16 << 10;   // where sending less outweighs sending more often

}  // namespace

MpiAlgorithm::MpiAlgorithm() {
  int provided = 0, index = 0, count = 0;
  ready_ = MPI_T_init_thread(MPI_THREAD_SERIALIZED, &provided) == MPI_SUCCESS;
  if (!ready_ || MPI_T_cvar_get_index(kVariable, &index) != MPI_SUCCESS) return;
  if (MPI_T_cvar_handle_alloc(index, nullptr, &handle_, &count) != MPI_SUCCESS || count != 1)
    handle_ = MPI_T_CVAR_HANDLE_NULL;
}

MpiAlgorithm::~MpiAlgorithm() {
  if (handle_ != MPI_T_CVAR_HANDLE_NULL) MPI_T_cvar_handle_free(&handle_);
  if (ready_) MPI_T_finalize();
}

void MpiAlgorithm::choose(std::size_t bytes) {
  const int algorithm = bytes >= kLeastForRing ? kRing : kRecursiveDoubling;
  if (handle_ != MPI_T_CVAR_HANDLE_NULL) MPI_T_cvar_write(handle_, &algorithm);
}

}  // namespace slipway
