#include "tools/train/run_directory.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>

#include "core/base/error.h"
#include "core/io/checkpoint_directory.h"
#include "tests/support/temporary_directory.h"

namespace slipway {
namespace {

std::string failure_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const UserError& error) {
    return error.what();
  }
  return "no UserError";
}

TEST(RunDirectory, NumbersRunsOfOneName) {
  test::TemporaryDirectory directory;
  const std::string root = directory / "runs";
  EXPECT_FALSE(RunDirectory::resume(root, "digits").has_value());
  {
    const RunDirectory first = RunDirectory::create(root, "digits"),
                       second = RunDirectory::create(root, "digits");
    EXPECT_EQ(first.path(), root + "/digits");
    EXPECT_EQ(second.path(), root + "/digits_2");
    EXPECT_EQ(second.name(), "digits_2");
    first.write_config("seed: 1\n");
    std::ostringstream config;
    config << std::ifstream(root + "/digits/config.yaml").rdbuf();
    EXPECT_EQ(config.str(), "seed: 1\n");
  }
  EXPECT_EQ(RunDirectory::resume(root, "digits")->path(), root + "/digits_2");
  EXPECT_EQ(RunDirectory::open(root + "/digits").path(), root + "/digits");
  EXPECT_EQ(failure_of([&] { RunDirectory::open(root + "/letters"); }),
            "there is no run " + root + "/letters");
  for (const char* name : {"", "a/b", ".hidden", ".."}) {
    EXPECT_NE(failure_of([&] { RunDirectory::create(root, name); }).find("is no name for a run"),
              std::string::npos);
  }
}

TEST(RunDirectory, IsHeldByOneProcessUntilThatEnds) {
  test::TemporaryDirectory directory;
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  if (child == 0) {
    const RunDirectory held = RunDirectory::create(directory.path(), "run");
    if (write(ends[1], "", 1) == 1) pause();
    _exit(1);
  }
  char told = 0;
  ASSERT_EQ(read(ends[0], &told, 1), 1);
  EXPECT_EQ(failure_of([&] { RunDirectory::resume(directory.path(), "run"); }),
            text("run ", directory.path(), "/run is being trained by process ", child,
                 "; wait for it, or train under another name"));
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  EXPECT_TRUE(RunDirectory::resume(directory.path(), "run").has_value());
  close(ends[0]);
  close(ends[1]);
}

TEST(RunDirectory, IsThatOfTheJobThatBeganIt) {
  test::TemporaryDirectory directory;
  const std::string& root = directory.path();
  EXPECT_FALSE(RunDirectory::begun_by("b", root, "run").has_value());
  std::filesystem::create_directory(directory / "run");
  std::ofstream(directory / "run/job.17.tmp") << "a";  // killed before the name was there
  for (const char* job : {"a", "b", ""}) RunDirectory::create(root, "run", job).write_config("seed: 1\n");
  EXPECT_EQ(RunDirectory::begun_by("a", root, "run")->path(), root + "/run");
  EXPECT_EQ(RunDirectory::begun_by("b", root, "run")->path(), root + "/run_2");
  EXPECT_EQ(RunDirectory::resume(root, "run")->path(), root + "/run_3");
  EXPECT_FALSE(RunDirectory::begun_by("c", root, "run").has_value());
  EXPECT_FALSE(RunDirectory::begun_by("a", root, "other").has_value());
}

TEST(RunDirectory, FindsTheCheckpointThatAPathMeans) {
  test::TemporaryDirectory directory;
  const RunDirectory run = RunDirectory::create(directory.path(), "run");
  EXPECT_NE(failure_of([&] { find_checkpoint(run.path()); }).find("holds no checkpoint"), std::string::npos);
  CheckpointDirectory checkpoints(run.checkpoints());
  Checkpoint checkpoint;
  checkpoint.progress.step = 5;
  const std::string first = checkpoints.save(checkpoint);
  EXPECT_EQ(find_checkpoint(run.path()), first);
  checkpoint.progress.best_step = 5;
  checkpoint.progress.step = 6;
  const std::string second = checkpoints.save(checkpoint);
  EXPECT_EQ(find_checkpoint(run.path()), run.path() + "/checkpoints/best.h5");
  EXPECT_EQ(find_checkpoint(run.checkpoints()), run.path() + "/checkpoints/best.h5");
  EXPECT_EQ(read_checkpoint(find_checkpoint(run.path())).progress.step, 5);
  EXPECT_EQ(find_checkpoint(second), second);
  EXPECT_EQ(failure_of([&] { find_checkpoint(directory / "none"); }),
            "there is no run or checkpoint " + directory.path() + "/none");
}

}  // namespace
}  // namespace slipway
