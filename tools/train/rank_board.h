#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace slipway {

/// What each rank on this machine does, in memory that it shares with whoever started it: after a rank was
/// killed, that still says what it was about. Nothing is sent; a note costs a copy of a few bytes.
class RankBoard {
 public:
  /// The environment variable that tells ranks where the board is.
  static constexpr const char* kVariable = "SLIPWAY_RANK_BOARD";

  /// Memory without a name that lives as long as a process has it.
  explicit RankBoard(int ranks);
  RankBoard(const RankBoard&) = delete;
  RankBoard& operator=(const RankBoard&) = delete;
  ~RankBoard();

  /// The value for kVariable.
  std::string path() const;
  /// Forgets what ranks have noted so far.
  void clear();
  /// Whether a rank has given up because it can't reach others.
  bool given_up() const;
  /// Once any rank has left: how long the others may take to do so.
  std::optional<std::chrono::milliseconds> patience() const;
  /// What the ranks did last, one line for those that did the same: "rank 1 computed, in step 17". Nothing of
  /// ranks that have noted nothing.
  std::vector<std::string> describe() const;

  struct Place;  // of one rank

 private:
  int ranks_ = 0;
  int descriptor_ = -1;
  Place* places_ = nullptr;
};

/// One rank's place on the board. Does nothing where there is no board.
class RankNote {
 public:
  /// `board`: the value of kVariable, or null.
  RankNote(const char* board, int rank);
  RankNote(const RankNote&) = delete;
  RankNote& operator=(const RankNote&) = delete;
  ~RankNote();

  /// From now on the rank is in this step, counted from 1.
  void step(std::int64_t step);
  /// It waits for others in the exchange of this; "": it goes on by itself.
  void waits(std::string_view phase);
  void gives_up();
  /// It has done its work, and goes.
  void leaves();
  /// It is gone, for others as well, which should follow within `patience`.
  void left(std::chrono::milliseconds patience);

 private:
  void* memory_ = nullptr;
  std::size_t bytes_ = 0;
  RankBoard::Place* place_ = nullptr;
};

}  // namespace slipway
