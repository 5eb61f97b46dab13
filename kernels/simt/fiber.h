#pragma once

#include <cstddef>
#include <vector>
#if !defined(__x86_64__)
#include <ucontext.h>
#endif

namespace slipway::simt {

/// A suspended flow of control with a stack of its own.
struct Fiber {
#if defined(__x86_64__)
  void* stack_pointer = nullptr;  // the registers that a call preserves lie on the stack
#else
  ucontext_t context;
#endif
};

/// Suspends the running flow of control as `from` and calls `entry`, which never returns, on the stack below
/// `top`.
void start_fiber(Fiber& from, char* top, void (*entry)());
/// Suspends the running flow of control as `from` and continues `to`.
void resume_fiber(Fiber& from, Fiber& to);

/// Stacks for `count` fibers: address space, of which only what is touched takes memory. Below each lies a
/// guard page.
class FiberStacks {
 public:
  static constexpr std::size_t kBytes = 64 << 10;

  explicit FiberStacks(int count);
  ~FiberStacks();
  FiberStacks(const FiberStacks&) = delete;
  FiberStacks& operator=(const FiberStacks&) = delete;

  /// The top of a stack that nothing runs on.
  char* acquire();
  void release(char* top) { free_.push_back(top); }
  /// Frees all of them at once, whatever was running there.
  void release_all();

  /// The addresses of the stack with this top, and of all stacks.
  struct Range {
    const char* begin;
    const char* end;
    bool contains(const void* address) const { return address >= begin && address < end; }
  };
  Range range(const char* top) const;
  Range all() const { return {area_, area_ + kBytes * static_cast<std::size_t>(count_)}; }

 private:
  int count_;
  char* area_;
  std::vector<char*> free_;
};

}  // namespace slipway::simt
