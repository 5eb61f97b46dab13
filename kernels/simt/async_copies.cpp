#include "kernels/simt/async_copies.h"

#include <array>
#include <cstdint>
#include <deque>

#include "kernels/simt/block.h"

namespace slipway::simt {
namespace {

struct Pending {
  struct Entry {
    AsyncCopy copy;
    int group;
  };
  std::deque<Entry> copies;
  int groups = 0;
  std::uint64_t launch = 0;
  std::uint32_t block = 0;
};

/// A thread that begins finds none.
Pending& of_current_thread() {
  static thread_local std::array<Pending, kMaxThreads> all;
  Pending& mine = all[current.thread->linear];
  if (mine.launch != current.block->launch || mine.block != current.block->linear) {
    mine.copies.clear();
    mine.groups = 0;
    mine.launch = current.block->launch;
    mine.block = current.block->linear;
  }
  return mine;
}

}  // namespace

void start_async_copy(const AsyncCopy& copy) {
  Pending& mine = of_current_thread();
  mine.copies.push_back({copy, mine.groups});
}

void commit_async_copies() { ++of_current_thread().groups; }

bool take_async_copy(int pending, AsyncCopy& copy) {
  Pending& mine = of_current_thread();
  if (mine.copies.empty() || mine.copies.front().group >= mine.groups - pending) return false;
  copy = mine.copies.front().copy;
  mine.copies.pop_front();
  return true;
}

}  // namespace slipway::simt
