#include "core/comm/mpi_session.h"

#include "core/comm/communicator.h"
#include "core/comm/deadline.h"
#include "core/comm/mpi.h"
#include "core/comm/mpi_values.h"

namespace slipway {
namespace {

void check(int code, const char* call) {
  if (code != MPI_SUCCESS) throw CommunicationError(text("at the start: ", call, ": ", mpi_error_text(code)));
}

}  // namespace

MpiSession::MpiSession(std::chrono::milliseconds timeout) {
  const Deadline deadline = exit_unless_ranks_come(timeout, "MPI_Init_thread");
  int initialized = 0, provided = 0, neighbours = 0;
  MPI_Initialized(&initialized);
  require(initialized == 0, "MPI: this process has joined already");
  check(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &provided), "MPI_Init_thread");
  require(provided >= MPI_THREAD_SERIALIZED, mpi_library(), " serves one thread only, expected ",
          "MPI_THREAD_SERIALIZED");
  check(MPI_Comm_dup(MPI_COMM_WORLD, &ranks_), "MPI_Comm_dup");
  MPI_Comm_set_errhandler(ranks_, MPI_ERRORS_RETURN);
  roll_call_.emplace(ranks_);
  check(MPI_Op_create(add_bfloat16, /*commute=*/1, &bfloat16_sum_), "MPI_Op_create");
  MPI_Comm_rank(ranks_, &rank_);
  MPI_Comm_size(ranks_, &size_);
  MPI_Comm machine = MPI_COMM_NULL;
  check(MPI_Comm_split_type(ranks_, MPI_COMM_TYPE_SHARED, rank_, MPI_INFO_NULL, &machine),
        "MPI_Comm_split_type");
  MPI_Comm_size(machine, &neighbours);
  MPI_Comm_free(&machine);
  on_one_machine_ = neighbours == size_;
}

void MpiSession::leave(std::chrono::milliseconds timeout) {
  const Deadline deadline = exit_unless_ranks_come(timeout, "MPI_Finalize");
  MPI_Op_free(&bfloat16_sum_);
  roll_call_->end();
  MPI_Comm_free(&ranks_);
  MPI_Finalize();
}

}  // namespace slipway
