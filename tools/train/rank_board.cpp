#include "tools/train/rank_board.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <limits>
#include <map>

#include "core/base/error.h"

namespace slipway {

/// Written by one process and read by another, which have the same program.
struct RankBoard::Place {
  std::atomic<std::int64_t> step;
  std::atomic<std::int32_t> patience;  // in milliseconds, more than 0 once the rank has left
  std::atomic<bool> joined, given_up, leaving;
  char phase[110];  // ended by a zero byte; empty: the rank computes
};

namespace {

using Place = RankBoard::Place;
static_assert(sizeof(Place) == 128 && std::atomic<std::int64_t>::is_always_lock_free);

constexpr const char* kName = "slipway ranks";

/// Whether a path is that of a board, not of something else that another machine has there.
bool is_board(const char* path) {
  char target[64] = {};
  return ::readlink(path, target, sizeof target - 1) > 0 && target == text("/memfd:", kName, " (deleted)");
}

void* map(int descriptor, std::size_t bytes) {
  void* const memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  return memory == MAP_FAILED ? nullptr : memory;
}

std::string activity(const Place& place) {
  const std::string phase(place.phase, ::strnlen(place.phase, sizeof place.phase));
  const std::int64_t step = place.step;
  std::string done = phase.empty() ? "computed" : "waited for others in the exchange of " + phase;
  if (place.leaving) done = place.patience > 0 ? "had left" : "was about to leave";
  if (place.given_up) done = phase.empty() ? "gave up" : "gave up in the exchange of " + phase;
  return done + (step > 0 ? text(", in step ", step) : ", before the first step");
}

/// "rank 3", "ranks 0, 1 and 3"
std::string list(const std::vector<int>& ranks) {
  std::string words = ranks.size() == 1 ? "rank " : "ranks ";
  for (std::size_t i = 0; i < ranks.size(); ++i)
    words += text(i == 0 ? "" : i + 1 == ranks.size() ? " and " : ", ", ranks[i]);
  return words;
}

}  // namespace

RankBoard::RankBoard(int ranks) : ranks_(ranks) {
  const std::size_t bytes = sizeof(Place) * static_cast<std::size_t>(ranks);
  descriptor_ = ::memfd_create(kName, MFD_CLOEXEC);
  void* const memory = descriptor_ >= 0 && ::ftruncate(descriptor_, static_cast<off_t>(bytes)) == 0
                           ? map(descriptor_, bytes)
                           : nullptr;
  if (memory == nullptr) {
    const std::string reason = std::strerror(errno);
    if (descriptor_ >= 0) ::close(descriptor_);
    throw Error("cannot share memory with other processes: " + reason);
  }
  places_ = static_cast<Place*>(memory);
}

RankBoard::~RankBoard() {
  ::munmap(places_, sizeof(Place) * static_cast<std::size_t>(ranks_));
  ::close(descriptor_);
}

std::string RankBoard::path() const { return text("/proc/", ::getpid(), "/fd/", descriptor_); }

void RankBoard::clear() {
  std::memset(static_cast<void*>(places_), 0, sizeof(Place) * static_cast<std::size_t>(ranks_));
}

bool RankBoard::given_up() const {
  return std::any_of(places_, places_ + ranks_, [](const Place& place) { return place.given_up.load(); });
}

std::optional<std::chrono::milliseconds> RankBoard::patience() const {
  for (const Place* place = places_; place < places_ + ranks_; ++place) {
    if (const std::int32_t patience = place->patience; patience > 0)
      return std::chrono::milliseconds(patience);
  }
  return std::nullopt;
}

std::vector<std::string> RankBoard::describe() const {
  std::map<std::string, std::vector<int>> ranks;
  for (int rank = 0; rank < ranks_; ++rank) {
    if (places_[rank].joined) ranks[activity(places_[rank])].push_back(rank);
  }
  std::vector<std::string> lines;
  for (const auto& [what, alike] : ranks) lines.push_back(list(alike) + " " + what);
  return lines;
}

/// Ranks on other machines than the board's have none.
RankNote::RankNote(const char* board, int rank) {
  const int file = board && is_board(board) ? ::open(board, O_RDWR | O_CLOEXEC) : -1;
  if (file < 0) return;
  struct stat status {};
  const auto place = static_cast<std::size_t>(rank);
  if (::fstat(file, &status) == 0 &&
      static_cast<std::size_t>(status.st_size) >= sizeof(Place) * (place + 1)) {
    bytes_ = static_cast<std::size_t>(status.st_size);
    memory_ = map(file, bytes_);
  }
  ::close(file);
  if (memory_ == nullptr) return;
  place_ = static_cast<Place*>(memory_) + place;
  place_->joined = true;
}

RankNote::~RankNote() {
  if (memory_ != nullptr) ::munmap(memory_, bytes_);
}

void RankNote::step(std::int64_t step) {
  if (place_ != nullptr) place_->step = step;
}

void RankNote::waits(std::string_view phase) {
  if (place_ == nullptr) return;
  const std::size_t length = std::min(phase.size(), sizeof place_->phase - 1);
  std::copy_n(phase.data(), length, place_->phase);
  place_->phase[length] = '\0';
}

void RankNote::gives_up() {
  if (place_ != nullptr) place_->given_up = true;
}

void RankNote::leaves() {
  if (place_ != nullptr) place_->leaving = true;
}

void RankNote::left(std::chrono::milliseconds patience) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int32_t>::max();
  if (place_ != nullptr)
    place_->patience = static_cast<std::int32_t>(std::clamp<std::int64_t>(patience.count(), 1, kMost));
}

}  // namespace slipway
