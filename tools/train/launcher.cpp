#include "tools/train/launcher.h"

#include <charconv>
#include <cstdlib>

#include "core/comm/mpi.h"

namespace slipway {
namespace {

/// How one launcher names what it says.
struct Names {
  const char* launcher;
  const char* rank;
  const char* ranks;
  const char* local_rank;
  const char* local_ranks;  // or null
  const char* condition;    // must be set too; or null
};

constexpr Names kLaunchers[] = {
    {"Open MPI", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK",
     "OMPI_COMM_WORLD_LOCAL_SIZE", nullptr},
    {"the process manager", "PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID", "MPI_LOCALNRANKS", nullptr},
    // Slurm sets the others for a batch script as well, which is no rank.
    {"Slurm", "SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID", nullptr, "SLURM_STEP_ID"},
};

int number(const Environment& environment, const char* name, const char* launcher) {
  const std::optional<std::string> value = environment(name);
  require_user(value.has_value(), launcher, " has started this process, but ", name, " is not set");
  int parsed = 0;
  const char* end = value->data() + value->size();
  const auto [stop, error] = std::from_chars(value->data(), end, parsed);
  require_user(error == std::errc() && stop == end, launcher, " sets ", name, " to '", *value,
               "', expected a number");
  return parsed;
}

}  // namespace

Environment process_environment() {
  return [](const char* name) -> std::optional<std::string> {
    const char* value = std::getenv(name);
    if (!value) return std::nullopt;
    return value;
  };
}

std::optional<LaunchedRank> launched_rank(const Environment& environment) {
  for (const Names& names : kLaunchers) {
    if (!environment(names.rank) || (names.condition && !environment(names.condition))) continue;
    LaunchedRank launched{.launcher = names.launcher,
                          .rank = number(environment, names.rank, names.launcher),
                          .ranks = number(environment, names.ranks, names.launcher)};
    require_user(launched.rank >= 0 && launched.rank < launched.ranks, names.launcher,
                 " calls this process rank ", launched.rank, " of ", launched.ranks, " (", names.rank, ", ",
                 names.ranks, ")");
    if (environment(names.local_rank))
      launched.local_rank = number(environment, names.local_rank, names.launcher);
    if (names.local_ranks && environment(names.local_ranks))
      launched.local_ranks = number(environment, names.local_ranks, names.launcher);
    return launched;
  }
  return std::nullopt;
}

std::unique_ptr<Communicator> join_ranks(const std::optional<LaunchedRank>& launched,
                                         const MpiOptions& options) {
  if (!launched || launched->ranks == 1) return nullptr;
  require_user(!mpi_library().empty(), launched->launcher, " has started ", launched->ranks,
               " processes, but this build has no MPI to connect them; expected one that was configured "
               "where Open MPI "
               "is installed, without -D SLIPWAY_MPI=off");
  std::unique_ptr<Communicator> ranks = join_mpi(options);
  require_user(ranks->rank() == launched->rank && ranks->size() == launched->ranks, launched->launcher,
               " calls this process rank ", launched->rank, " of ", launched->ranks, ", ", mpi_library(),
               " calls it rank ", ranks->rank(), " of ", ranks->size(),
               "; expected a launcher of the MPI library that Slipway is linked to");
  return ranks;
}

void check_batch_size(std::int64_t batch_size, int ranks, const std::string& where) {
  if (batch_size % ranks == 0) return;
  const std::int64_t below = batch_size / ranks * ranks;
  throw UserError(text(where, ": batch_size ", batch_size, " does not divide by ", ranks,
                       " ranks; the nearest ", below > 0 ? text("sizes are ", below, " and ") : "size is ",
                       below + ranks,
                       ", or uneven_batches: true lets some ranks have one sample more than others"));
}

}  // namespace slipway
