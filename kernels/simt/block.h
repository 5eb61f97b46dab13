#pragma once

#include <vector_types.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <random>
#include <vector>

#include "kernels/simt/fiber.h"
#include "kernels/simt/report.h"
#include "kernels/simt/site.h"

namespace slipway::simt {

class Engine;
struct KernelLaunch;

inline constexpr int kWarpSize = 32;
inline constexpr int kMaxThreads = 1024;
inline constexpr std::size_t kMaxSharedBytes = 227 << 10;

struct Thread;

/// What one lane brings to a warp collective lies on its stack; the last lane to arrive runs `combine` for
/// all. No thread is current meanwhile: what `combine` does is no thread's access.
struct WarpCall {
  std::array<void*, kWarpSize> lanes;  // of the participating lanes; null for others
  unsigned active = 0;                 // lanes that take part: those of the mask that have not exited
  unsigned mask = 0;
  Site site;
  Thread* threads = nullptr;  // of the warp's lanes
};
using WarpCombine = void (*)(const WarpCall& call);
/// `lane` of the call reads from a lane that takes no part.
void report_inactive_source(const WarpCall& call, int lane, int source);

/// Whether a warp collective also orders memory accesses; of the standard ones only __syncwarp does.
enum class Fence : std::uint8_t { no, yes };

/// One thread of the running block.
struct Thread {
  enum class State : std::uint8_t { running, at_barrier, at_collective, exited };

  uint3 index;           // threadIdx
  std::uint32_t linear;  // within the block
  std::uint32_t lane;
  std::uint32_t warp;
  State state;
  std::uint32_t warp_epoch;  // counts the __syncwarp()s passed; orders accesses within a warp
  char* stack_top;
  bool fenced;  // has passed a __threadfence()
  Fiber fiber;

  // Where it waits, and what for.
  Site site;
  unsigned mask;
  WarpCombine combine;
  void* brought;
  Fence fence;
};

/// The running block, as its threads see it.
struct Block {
  uint3 index;           // blockIdx
  dim3 shape;            // blockDim
  dim3 grid;             // gridDim
  char* dynamic_shared;  // 16-byte aligned
  std::size_t dynamic_shared_bytes;
  std::uint32_t thread_count;
  std::uint32_t linear;  // within the grid
  std::uint32_t epoch;   // counts the barriers passed
  std::uint64_t launch;  // counts launches, from 1
  int device;
};

/// The thread that runs on this OS thread, and its block; null outside kernels.
struct Current {
  Thread* thread = nullptr;
  Block* block = nullptr;
  Engine* engine = nullptr;
};
extern constinit thread_local Current current;

/// What the current thread has written is seen by all before what it writes next.
void fence();

/// Runs blocks one after the other on the calling OS thread, a fiber a thread. A thread that never waits runs
/// to its end on the stack of the one before, so a grid of such threads is a plain loop.
class Engine {
 public:
  Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// The calling OS thread's engine.
  static Engine& local();

  /// Prepares for the blocks of one launch.
  void begin(const KernelLaunch& launch, int device, std::uint64_t number);
  /// Runs one block of the launch. False if its threads wait for each other for ever; that has been reported.
  bool run_block(std::uint32_t linear);

  /// The current thread waits for all threads of its block that have not exited.
  struct Votes {
    int count = 0;  // threads whose predicate holds
    int arrived = 0;
  };
  Votes barrier(bool predicate, Site site);

  /// The current thread meets the lanes of `mask` that have not exited.
  void collective(unsigned mask, void* brought, WarpCombine combine, Fence fence, Site site);

  /// Whose memory an address is, if it is the engine's.
  enum class Owner : std::uint8_t { current_thread, other_thread, engine, dynamic_shared, nobody };
  Owner owner(const void* address) const;
  const char* dynamic_shared() const { return dynamic_shared_; }
  const KernelLaunch& launch() const { return *launch_; }

 private:
  struct Warp {
    unsigned waiting;  // lanes at a collective
    unsigned exited;
  };

  static void fiber_main();
  [[noreturn]] void run_threads();
  void thread_exited(Thread& thread);
  Thread& start_next();
  void start_next_on_new_stack(Fiber& from);
  Thread& next_ready();
  bool prefers_ready();
  void wait();
  void release_barrier(Thread* last);
  bool try_collective(std::uint32_t warp, unsigned mask, Thread* last);
  Report deadlock() const;
  void abandon_block();

  FiberStacks stacks_{kMaxThreads};
  std::vector<Thread> threads_;
  Block block_{};
  char* dynamic_shared_;
  const KernelLaunch* launch_ = nullptr;
  const std::function<void()>* body_ = nullptr;
  std::array<Warp, kMaxThreads / kWarpSize> warps_{};
  std::vector<std::uint32_t> start_order_;  // linear indices of threads
  std::uint32_t started_ = 0;
  std::uint32_t live_ = 0;
  std::vector<Thread*> at_barrier_;
  std::vector<Thread*> ready_;
  std::size_t ready_head_ = 0;
  Votes votes_, last_votes_;
  bool seeded_ = false;
  bool deadlocked_ = false;
  std::minstd_rand random_;
  Fiber main_;
};

}  // namespace slipway::simt
