#include "core/comm/mpi_roll_call.h"

#include <cstddef>
#include <thread>

namespace slipway {

using Clock = std::chrono::steady_clock;

RollCall::RollCall(MPI_Comm ranks) {
  MPI_Comm_dup(ranks, &ranks_);
  MPI_Comm_set_errhandler(ranks_, MPI_ERRORS_RETURN);
  MPI_Comm_rank(ranks_, &rank_);
  MPI_Comm_size(ranks_, &size_);
}

std::vector<int> RollCall::silent_ranks(std::chrono::milliseconds answer_time) {
  const auto count = static_cast<std::size_t>(size_);
  heard_.assign(count, 0);
  std::vector<MPI_Request> answers(count, MPI_REQUEST_NULL), calls(count, MPI_REQUEST_NULL);
  for (int other = 0; other < size_; ++other) {
    if (other == rank_) continue;
    const auto i = static_cast<std::size_t>(other);
    MPI_Irecv(&heard_[i], 1, MPI_CHAR, other, 0, ranks_, &answers[i]);
    MPI_Isend(&here_, 1, MPI_CHAR, other, 0, ranks_, &calls[i]);
  }
  const Clock::time_point deadline = Clock::now() + answer_time;
  std::vector<int> silent;
  do {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    silent.clear();
    for (int other = 0; other < size_; ++other) {
      int done = 0;
      MPI_Request& answer = answers[static_cast<std::size_t>(other)];  // null once it has come
      if (MPI_Test(&answer, &done, MPI_STATUS_IGNORE) != MPI_SUCCESS || !done) silent.push_back(other);
    }
  } while (!silent.empty() && Clock::now() < deadline);
  return silent;
}

}  // namespace slipway
