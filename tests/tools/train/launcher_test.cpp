#include "tools/train/launcher.h"

#include <gtest/gtest.h>

#include <map>

#include "tools/train/compute.h"

namespace slipway::test {
namespace {

Environment environment(const std::map<std::string, std::string>& variables) {
  return [variables](const char* name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  };
}

void expect_rank(const std::map<std::string, std::string>& variables, const std::string& launcher, int rank,
                 int ranks, LocalRank local) {
  const std::optional<LaunchedRank> launched = launched_rank(environment(variables));
  ASSERT_TRUE(launched.has_value());
  EXPECT_EQ(launched->launcher, launcher);
  EXPECT_EQ(launched->rank, rank);
  EXPECT_EQ(launched->ranks, ranks);
  EXPECT_EQ(launched->local_rank, local.rank);
  EXPECT_EQ(launched->local_ranks, local.ranks);
}

std::string mistake(const std::map<std::string, std::string>& variables) {
  try {
    launched_rank(environment(variables));
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

const std::map<std::string, std::string> kOpenMpi = {{"OMPI_COMM_WORLD_RANK", "5"},
                                                     {"OMPI_COMM_WORLD_SIZE", "8"},
                                                     {"OMPI_COMM_WORLD_LOCAL_RANK", "1"},
                                                     {"OMPI_COMM_WORLD_LOCAL_SIZE", "4"}};
const std::map<std::string, std::string> kSlurm = {
    {"SLURM_PROCID", "1"}, {"SLURM_NTASKS", "2"}, {"SLURM_LOCALID", "1"}, {"SLURM_STEP_ID", "0"}};

TEST(Launcher, SaysWhichRankThisIs) {
  EXPECT_FALSE(launched_rank(environment({})).has_value());
  expect_rank(kOpenMpi, "Open MPI", 5, 8, {.rank = 1, .ranks = 4});
  expect_rank({{"PMI_RANK", "0"}, {"PMI_SIZE", "3"}}, "the process manager", 0, 3, {});
  expect_rank(kSlurm, "Slurm", 1, 2, {.rank = 1, .ranks = 1});
}

TEST(Launcher, TheInnerOneCounts) {
  std::map<std::string, std::string> both = kSlurm;
  both.insert(kOpenMpi.begin(), kOpenMpi.end());
  expect_rank(both, "Open MPI", 5, 8, {.rank = 1, .ranks = 4});
}

TEST(Launcher, ABatchScriptOfSlurmIsNoRank) {
  std::map<std::string, std::string> script = kSlurm;
  script.erase("SLURM_STEP_ID");
  EXPECT_FALSE(launched_rank(environment(script)).has_value());
}

TEST(Launcher, NamesNumbersThatMakeNoSense) {
  EXPECT_EQ(mistake({{"PMI_RANK", "1"}}),
            "the process manager has started this process, but PMI_SIZE is not set");
  EXPECT_EQ(mistake({{"PMI_RANK", "one"}, {"PMI_SIZE", "2"}}),
            "the process manager sets PMI_RANK to 'one', expected a number");
  EXPECT_EQ(mistake({{"PMI_RANK", "2"}, {"PMI_SIZE", "2"}}),
            "the process manager calls this process rank 2 of 2 (PMI_RANK, PMI_SIZE)");
}

TEST(Launcher, OneProcessIsNoRank) {
  EXPECT_EQ(join_ranks(std::nullopt, {}), nullptr);
  EXPECT_EQ(join_ranks(LaunchedRank{.launcher = "Open MPI"}, {}), nullptr);
}

TEST(BatchSize, MustDivideByTheNumberOfRanks) {
  EXPECT_NO_THROW(check_batch_size(12, 4, "run.yaml:9:3"));
  const auto message = [](std::int64_t size, int ranks) -> std::string {
    try {
      check_batch_size(size, ranks, "run.yaml:9:3");
    } catch (const UserError& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(message(30, 4),
            "run.yaml:9:3: batch_size 30 does not divide by 4 ranks; the nearest sizes are 28 and 32, or "
            "uneven_batches: true lets some ranks have one sample more than others");
  EXPECT_EQ(message(3, 4),
            "run.yaml:9:3: batch_size 3 does not divide by 4 ranks; the nearest size is 4, or "
            "uneven_batches: true lets some ranks have one sample more than others");
}

}  // namespace
}  // namespace slipway::test
