#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "core/comm/communicator.h"

namespace slipway {

/// The MPI library that this build is linked to: "Open MPI v4.1.4"; "" if it has none.
std::string mpi_library();

/// When an exchange went on, as this rank saw it.
struct ExchangeTime {
  std::string phase;
  std::chrono::steady_clock::time_point start, end;
  double waited = 0;  // seconds that this rank did nothing else
};

struct MpiOptions {
  std::chrono::milliseconds timeout{30'000};     // how long a rank waits for the others in one call
  std::chrono::milliseconds answer_time{2'000};  // how long, after that, it waits for signs of life
  bool share_memory = true;  // between ranks of one machine; without, they do as those of several machines
  std::function<void(const ExchangeTime&)> observe = {};   // called for each exchange that was waited for
  std::function<void(std::string_view phase)> waits = {};  // this rank waits in it; "": it goes on
};

/// Connects this process with the others that a launcher has started: it and they are the ranks. On host
/// memory only. Once in a process; Error if this build has no MPI.
///
/// A rank that has waited for `timeout` tells all others, and waits for them to tell the same: whoever does
/// not is named as missing. The communicator's destructor leaves in good order, or, after a
/// CommunicationError or while an exception is on its way, not at all: abandon_mpi() then ends all ranks.
/// To join and to leave, MPI itself waits for the others: where that takes longer than `timeout`, the process
/// says so and ends with status 1.
std::unique_ptr<Communicator> join_mpi(const MpiOptions& options = {});

/// MPI_Allreduce itself, the sum over the ranks of join_mpi(): what measurements compare theirs with.
void mpi_all_reduce(std::span<float> values);

/// Ends every rank that can be reached at once, and this one with `status`; for a failure that the others
/// don't know of. Without MPI, or before join_mpi(), it ends this process.
[[noreturn]] void abandon_mpi(int status);

}  // namespace slipway
