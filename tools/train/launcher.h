#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "core/comm/mpi.h"

namespace slipway {

/// What a launcher says of a process that it has started.
struct LaunchedRank {
  std::string launcher;  // "Open MPI"
  int rank = 0;
  int ranks = 1;
  int local_rank = 0;  // on this machine
  int local_ranks = 1;
};

/// The value of an environment variable; none if it is not set.
using Environment = std::function<std::optional<std::string>(const char* name)>;
Environment process_environment();

/// What Open MPI, another MPI's process manager or Slurm says in the environment, in this order: where one
/// starts the other, the inner one counts. None if no launcher has started this process. Numbers that make no
/// sense are a UserError.
std::optional<LaunchedRank> launched_rank(const Environment& environment);

/// Connects this process with the other ranks that its launcher has started; null if it is the only one.
/// UserError if the build has no MPI, or MPI and the launcher disagree.
std::unique_ptr<Communicator> join_ranks(const std::optional<LaunchedRank>& launched,
                                         const MpiOptions& options);

/// UserError unless a batch of this size divides by the number of ranks.
void check_batch_size(std::int64_t batch_size, int ranks, const std::string& where);

}  // namespace slipway
