#include "kernels/simt/block.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <map>
#include <numeric>
#include <string>
#include <utility>

#include "core/base/error.h"
#include "kernels/simt/checker.h"
#include "kernels/simt/launch.h"
#include "kernels/simt/report.h"
#include "kernels/simt/settings.h"

namespace slipway::simt {

constinit thread_local Current current;

namespace {

constexpr unsigned bit(std::uint32_t lane) { return 1u << lane; }

template <class Visit>
void for_each_lane(unsigned lanes, Visit visit) {
  for (; lanes; lanes &= lanes - 1) visit(static_cast<std::uint32_t>(std::countr_zero(lanes)));
}

}  // namespace

void fence() {
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
  if (current.thread) current.thread->fenced = true;
}

void report_inactive_source(const WarpCall& call, int lane, int source) {
  Thread* outside = std::exchange(current.thread, call.threads + lane);
  report({.kind = "shuffle from an inactive lane",
          .message = text("lane ", lane, " reads lane ", source, ", which is not among the lanes ",
                          hexadecimal(call.active), " that take part"),
          .site = call.site});
  current.thread = outside;
}

Engine::Engine() : threads_(kMaxThreads) {
  void* shared = mmap(nullptr, kMaxSharedBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  require(shared != MAP_FAILED, "simulated GPU: no memory for a block's shared memory");
  dynamic_shared_ = static_cast<char*>(shared);
  at_barrier_.reserve(kMaxThreads);
  ready_.reserve(2 * kMaxThreads);
}

Engine& Engine::local() {
  static thread_local Engine engine;
  return engine;
}

Engine::Owner Engine::owner(const void* address) const {
  const auto within = [address](const void* begin, std::size_t bytes) {
    return address >= begin && address < static_cast<const char*>(begin) + bytes;
  };
  if (within(&current, sizeof(current)) || within(threads_.data(), threads_.size() * sizeof(Thread)) ||
      within(&block_, sizeof(block_))) {
    return Owner::engine;
  }
  if (stacks_.all().contains(address)) {
    return stacks_.range(current.thread->stack_top).contains(address) ? Owner::current_thread
                                                                      : Owner::other_thread;
  }
  return within(dynamic_shared_, kMaxSharedBytes) ? Owner::dynamic_shared : Owner::nobody;
}

void Engine::begin(const KernelLaunch& launch, int device, std::uint64_t number) {
  launch_ = &launch;
  body_ = &launch.thread_body;
  const dim3 shape = launch.block;
  block_ = {.index = {},
            .shape = shape,
            .grid = launch.grid,
            .dynamic_shared = dynamic_shared_,
            .dynamic_shared_bytes = launch.shared_bytes,
            .thread_count = shape.x * shape.y * shape.z,
            .linear = 0,
            .epoch = 0,
            .launch = number,
            .device = device};
  for (std::uint32_t i = 0; i < block_.thread_count; ++i) {
    Thread& thread = threads_[i];
    thread.index = {i % shape.x, i / shape.x % shape.y, i / (shape.x * shape.y)};
    thread.linear = i;
    thread.lane = i % kWarpSize;
    thread.warp = i / kWarpSize;
  }
  const Settings& settings = simt::settings();
  seeded_ = settings.order == Order::seeded;
  random_.seed(static_cast<std::uint32_t>(settings.seed * 0x9E3779B1u + number));
  start_order_.resize(block_.thread_count);
  std::iota(start_order_.begin(), start_order_.end(), 0u);
  if (settings.order == Order::descending) std::reverse(start_order_.begin(), start_order_.end());
}

bool Engine::run_block(std::uint32_t linear) {
  const dim3 grid = block_.grid;
  block_.linear = linear;
  block_.index = {linear % grid.x, linear / grid.x % grid.y, linear / grid.x / grid.y};
  block_.epoch = 0;
  if (block_.dynamic_shared_bytes && settings().poison) {
    std::memset(dynamic_shared_, 0xff, block_.dynamic_shared_bytes);
  }
  if (seeded_) std::shuffle(start_order_.begin(), start_order_.end(), random_);
  const std::uint32_t warps = (block_.thread_count + kWarpSize - 1) / kWarpSize;
  for (std::uint32_t w = 0; w < warps; ++w) warps_[w] = {.waiting = 0, .exited = 0};
  if (const std::uint32_t lanes = block_.thread_count % kWarpSize)
    warps_[warps - 1].exited = ~(bit(lanes) - 1);
  started_ = 0;
  live_ = block_.thread_count;
  at_barrier_.clear();
  ready_.clear();
  ready_head_ = 0;
  votes_ = {};
  deadlocked_ = false;

  const bool checked = checking();
  if (checked) check_block_begin();
  const Current outside = std::exchange(current, {.thread = nullptr, .block = &block_, .engine = this});
  start_next_on_new_stack(main_);
  if (checked) check_block_end();
  current = outside;
  return !deadlocked_;
}

void Engine::fiber_main() { local().run_threads(); }

void Engine::run_threads() {
  for (;;) {
    (*body_)();
    Thread& done = *current.thread;
    thread_exited(done);
    if (prefers_ready()) {
      stacks_.release(done.stack_top);
      Thread& next = next_ready();
      current.thread = &next;
      resume_fiber(done.fiber, next.fiber);
    } else if (started_ < block_.thread_count) {
      start_next().stack_top = done.stack_top;
    } else if (live_ == 0) {
      stacks_.release(done.stack_top);
      resume_fiber(done.fiber, main_);
    } else {
      abandon_block();
    }
  }
}

Thread& Engine::start_next() {
  Thread& thread = threads_[start_order_[started_++]];
  thread.state = Thread::State::running;
  thread.warp_epoch = 0;
  thread.fenced = false;
  current.thread = &thread;
  return thread;
}

void Engine::start_next_on_new_stack(Fiber& from) {
  Thread& thread = start_next();
  thread.stack_top = stacks_.acquire();
  start_fiber(from, thread.stack_top, fiber_main);
}

bool Engine::prefers_ready() {
  if (ready_.empty()) return false;
  return !seeded_ || started_ == block_.thread_count || (random_() & 64u) != 0;
}

Thread& Engine::next_ready() {
  if (seeded_)
    std::swap(ready_[ready_head_], ready_[ready_head_ + random_() % (ready_.size() - ready_head_)]);
  Thread& next = *ready_[ready_head_++];
  if (ready_head_ == ready_.size()) {
    ready_.clear();
    ready_head_ = 0;
  }
  return next;
}

// The current thread can't go on: others run until it can.
void Engine::wait() {
  Thread& self = *current.thread;
  if (prefers_ready()) {
    Thread& next = next_ready();
    if (&next == &self) return;
    current.thread = &next;
    resume_fiber(self.fiber, next.fiber);
  } else if (started_ < block_.thread_count) {
    start_next_on_new_stack(self.fiber);
  } else {
    abandon_block();
  }
}

Engine::Votes Engine::barrier(bool predicate, Site site) {
  Thread& self = *current.thread;
  self.site = site;
  self.state = Thread::State::at_barrier;
  votes_.count += predicate;
  at_barrier_.push_back(&self);
  if (at_barrier_.size() == live_) {
    release_barrier(&self);
    if (seeded_) {
      ready_.push_back(&self);
      wait();
    }
  } else {
    wait();
  }
  return last_votes_;
}

// `last`, if any, is not made ready: it is running.
void Engine::release_barrier(Thread* last) {
  ++block_.epoch;
  votes_.arrived = static_cast<int>(at_barrier_.size());
  last_votes_ = std::exchange(votes_, {});
  const Site site = at_barrier_.front()->site;
  const Thread* elsewhere = nullptr;
  for (Thread* thread : at_barrier_) {
    if (!(thread->site == site)) elsewhere = thread;
    thread->state = Thread::State::running;
    if (thread != last) ready_.push_back(thread);
  }
  if (elsewhere) {
    report({.kind = "divergent barrier",
            .message = text("threads of the block meet here and at ", site.file, ":", site.line),
            .site = elsewhere->site});
  }
  at_barrier_.clear();
}

void Engine::collective(unsigned mask, void* brought, WarpCombine combine, Fence fence, Site site) {
  Thread& self = *current.thread;
  self.site = site;
  self.mask = mask;
  self.brought = brought;
  self.combine = combine;
  self.fence = fence;
  if (!(mask & bit(self.lane))) {
    report({.kind = "bad warp mask",
            .message = text("lane ", self.lane, " is not in the mask ", hexadecimal(mask), " that it gives"),
            .site = site});
    return;
  }
  self.state = Thread::State::at_collective;
  warps_[self.warp].waiting |= bit(self.lane);
  if (!try_collective(self.warp, mask, &self)) wait();
}

// Completes the collective that the lanes of `mask` wait at, if all have arrived. `last`, if any, is running.
bool Engine::try_collective(std::uint32_t warp_index, unsigned mask, Thread* last) {
  Warp& warp = warps_[warp_index];
  const unsigned active = mask & ~warp.exited;
  if ((warp.waiting & active) != active || active == 0) return false;
  Thread* lanes = &threads_[warp_index * kWarpSize];
  const Thread& first = lanes[std::countr_zero(active)];
  WarpCall call{.lanes = {}, .active = active, .mask = mask, .site = first.site, .threads = lanes};
  std::uint32_t epoch = 0;
  bool same = true;
  for_each_lane(active, [&](std::uint32_t lane) {
    same = same && lanes[lane].mask == mask && lanes[lane].combine == first.combine;
    call.lanes[lane] = lanes[lane].brought;
    epoch = std::max(epoch, lanes[lane].warp_epoch);
  });
  if (!same) return false;
  Thread* running = std::exchange(current.thread, nullptr);
  first.combine(call);
  current.thread = running;
  for_each_lane(active, [&](std::uint32_t lane) {
    Thread& thread = lanes[lane];
    if (thread.fence == Fence::yes) thread.warp_epoch = epoch + 1;
    thread.state = Thread::State::running;
    if (&thread != last) ready_.push_back(&thread);
  });
  warp.waiting &= ~active;
  return true;
}

void Engine::thread_exited(Thread& thread) {
  thread.state = Thread::State::exited;
  --live_;
  Warp& warp = warps_[thread.warp];
  warp.exited |= bit(thread.lane);
  for_each_lane(warp.waiting, [&](std::uint32_t lane) {
    if (warp.waiting & bit(lane))
      try_collective(thread.warp, threads_[thread.warp * kWarpSize + lane].mask, nullptr);
  });
  if (live_ && at_barrier_.size() == live_) release_barrier(nullptr);
}

// Nobody can go on: says who waits where.
Report Engine::deadlock() const {
  std::map<std::string, int> groups;
  Site site;
  for (std::uint32_t i = 0; i < block_.thread_count; ++i) {
    const Thread& thread = threads_[i];
    if (thread.state == Thread::State::exited) {
      ++groups["have exited"];
      continue;
    }
    const bool at_barrier = thread.state == Thread::State::at_barrier;
    const std::string what =
        at_barrier ? "a barrier" : text("a warp operation with mask ", hexadecimal(thread.mask));
    ++groups[text("wait at ", what, ", ", thread.site.file, ":", thread.site.line)];
    if (!site.file || !at_barrier) site = thread.site;
  }
  std::string message = "threads wait for each other for ever:";
  for (const auto& [state, threads] : groups) message += text(" ", threads, " ", state, ";");
  message.pop_back();
  return {.kind = "deadlock", .message = message, .site = site};
}

// Leaves the block as it stands. No frame on a thread's stack owns anything.
void Engine::abandon_block() {
  report(deadlock());
  deadlocked_ = true;
  stacks_.release_all();
  Fiber abandoned;
  resume_fiber(abandoned, main_);
}

}  // namespace slipway::simt
