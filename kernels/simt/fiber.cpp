#include "kernels/simt/fiber.h"

#include <sys/mman.h>

#include <cstdint>

#include "core/base/error.h"

namespace slipway::simt {

#if defined(__x86_64__)

extern "C" void slipway_simt_switch(void** from, void* to);
asm(R"(
.text
.globl slipway_simt_switch
.hidden slipway_simt_switch
.type slipway_simt_switch, @function
slipway_simt_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size slipway_simt_switch, .-slipway_simt_switch
)");

void start_fiber(Fiber& from, char* top, void (*entry)()) {
  constexpr int kPreserved = 6;
  void** stack = reinterpret_cast<void**>(top);
  *--stack = nullptr;  // entry's return address: it has none
  *--stack = reinterpret_cast<void*>(entry);
  for (int i = 0; i < kPreserved; ++i) *--stack = nullptr;
  slipway_simt_switch(&from.stack_pointer, stack);
}

void resume_fiber(Fiber& from, Fiber& to) { slipway_simt_switch(&from.stack_pointer, to.stack_pointer); }

#else

void start_fiber(Fiber& from, char* top, void (*entry)()) {
  ucontext_t fresh;
  getcontext(&fresh);
  fresh.uc_stack.ss_sp = top - FiberStacks::kBytes / 2;
  fresh.uc_stack.ss_size = FiberStacks::kBytes / 2;
  fresh.uc_link = nullptr;
  makecontext(&fresh, entry, 0);
  swapcontext(&from.context, &fresh);
}

void resume_fiber(Fiber& from, Fiber& to) { swapcontext(&from.context, &to.context); }

#endif

namespace {

constexpr std::size_t kGuard = 4096;

// The tops of the stacks lie at different offsets, or the frames of all threads would share a few cache sets.
char* top_of(char* area, int index) {
  constexpr int kColours = 61, kStride = 320;
  char* end = area + FiberStacks::kBytes * static_cast<std::size_t>(index + 1);
  const auto top = reinterpret_cast<std::uintptr_t>(end - 64 - index % kColours * kStride);
  return reinterpret_cast<char*>(top & ~std::uintptr_t{63});
}

}  // namespace

FiberStacks::FiberStacks(int count) : count_(count) {
  void* area = mmap(nullptr, kBytes * static_cast<std::size_t>(count), PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  require(area != MAP_FAILED, "simulated GPU: no address space for the stacks of ", count, " threads");
  area_ = static_cast<char*>(area);
  for (int i = 0; i < count; ++i) mprotect(area_ + kBytes * static_cast<std::size_t>(i), kGuard, PROT_NONE);
  release_all();
}

FiberStacks::~FiberStacks() { munmap(area_, kBytes * static_cast<std::size_t>(count_)); }

char* FiberStacks::acquire() {
  require(!free_.empty(), "simulated GPU: more than ", count_, " threads in a block");
  char* top = free_.back();
  free_.pop_back();
  return top;
}

void FiberStacks::release_all() {
  free_.clear();
  for (int i = count_ - 1; i >= 0; --i) free_.push_back(top_of(area_, i));
}

FiberStacks::Range FiberStacks::range(const char* top) const {
  const std::size_t index = static_cast<std::size_t>(top - area_) / kBytes;
  return {area_ + index * kBytes, area_ + (index + 1) * kBytes};
}

}  // namespace slipway::simt
