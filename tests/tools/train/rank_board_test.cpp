#include "tools/train/rank_board.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <functional>

#include "tests/support/temporary_directory.h"

namespace slipway::test {
namespace {

/// Runs it in a process that is killed before it can tidy up.
void in_killed_process(const std::function<void()>& body) {
  const pid_t child = fork();
  if (child == 0) {
    body();
    raise(SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

TEST(RankBoard, TellsWhatKilledProcessesDidLast) {
  RankBoard board(5);
  const std::string path = board.path();
  EXPECT_TRUE(board.describe().empty());
  for (const int rank : {0, 2, 3}) {
    in_killed_process([&] {
      RankNote note(path.c_str(), rank);
      note.step(16);
      note.waits("the weight of the labels");
      note.step(17);
      note.waits(rank == 2 ? "" : "the loss");
    });
  }
  in_killed_process([&] { RankNote(path.c_str(), 4).waits(std::string(1000, 'x')); });
  EXPECT_EQ(board.describe(), (std::vector<std::string>{
                                  "rank 2 computed, in step 17",
                                  "ranks 0 and 3 waited for others in the exchange of the loss, in step 17",
                                  "rank 4 waited for others in the exchange of " + std::string(109, 'x') +
                                      ", before the first step"}));
  EXPECT_FALSE(board.given_up());
  in_killed_process([&] {
    RankNote note(path.c_str(), 0);
    note.gives_up();
  });
  EXPECT_TRUE(board.given_up());
  EXPECT_EQ(board.describe()[1], "rank 0 gave up in the exchange of the loss, in step 17");
  EXPECT_EQ(board.patience(), std::nullopt);
  for (const int rank : {2, 3}) {
    in_killed_process([&] {
      RankNote note(path.c_str(), rank);
      note.leaves();
      if (rank == 3) note.left(std::chrono::milliseconds(1500));
    });
  }
  EXPECT_EQ(board.describe()[1], "rank 3 had left, in step 17");
  EXPECT_EQ(board.describe()[3], "rank 2 was about to leave, in step 17");
  EXPECT_EQ(board.patience(), std::chrono::milliseconds(1500));
  board.clear();
  EXPECT_TRUE(board.describe().empty());
  EXPECT_FALSE(board.given_up());
  EXPECT_EQ(board.patience(), std::nullopt);
}

TEST(RankBoard, WhereThereIsNoneNothingIsWritten) {
  TemporaryDirectory directory;
  const std::string path = directory / "file", contents(1000, 'x');
  std::ofstream(path) << contents;
  for (const char* board : std::initializer_list<const char*>{nullptr, "/proc/self/fd/1000", path.c_str()}) {
    RankNote note(board, 1);
    note.step(2);
    note.waits("the loss");
    note.gives_up();
    note.leaves();
    note.left(std::chrono::milliseconds(1));
  }
  std::string found;
  std::ifstream(path) >> found;
  EXPECT_EQ(found, contents);
  RankBoard board(2);
  RankNote(board.path().c_str(), 2).step(1);  // more ranks than it has places for
  EXPECT_TRUE(board.describe().empty());
}

}  // namespace
}  // namespace slipway::test
