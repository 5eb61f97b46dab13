#include <cstdint>

#include "core/base/error.h"
#include "kernels/simt/block.h"
#include "kernels/simt/checker.h"
#include "kernels/simt/report.h"

// What a compiler calls before every load and store when it is told -fsanitize=thread, and for a misaligned
// pointer when told -fsanitize=alignment. The sanitizers' own runtimes are not linked; kernels come here.

using slipway::simt::check_access;
using slipway::simt::Effect;

#define SLIPWAY_CALLER __builtin_return_address(0)

#define SLIPWAY_PLAIN_HOOK(NAME, BYTES, EFFECT, ALIGNED)                                 \
  void __tsan_##NAME##BYTES(void* address) {                                             \
    check_access({static_cast<char*>(address), BYTES, EFFECT, ALIGNED, SLIPWAY_CALLER}); \
  }
#define SLIPWAY_PLAIN_HOOKS(BYTES)                               \
  SLIPWAY_PLAIN_HOOK(read, BYTES, Effect::load, true)            \
  SLIPWAY_PLAIN_HOOK(write, BYTES, Effect::store, true)          \
  SLIPWAY_PLAIN_HOOK(volatile_read, BYTES, Effect::load, true)   \
  SLIPWAY_PLAIN_HOOK(volatile_write, BYTES, Effect::store, true) \
  SLIPWAY_PLAIN_HOOK(unaligned_read, BYTES, Effect::load, false) \
  SLIPWAY_PLAIN_HOOK(unaligned_write, BYTES, Effect::store, false)

#define SLIPWAY_CHANGE_HOOK(BITS, NAME)                                                   \
  std::uint##BITS##_t __tsan_atomic##BITS##_##NAME(volatile std::uint##BITS##_t* address, \
                                                   std::uint##BITS##_t value, int) {      \
    note_update(address, SLIPWAY_CALLER);                                                 \
    return __atomic_##NAME(address, value, __ATOMIC_RELAXED);                             \
  }
#define SLIPWAY_EXCHANGE_HOOK(BITS, STRENGTH, WEAK)                                               \
  bool __tsan_atomic##BITS##_compare_exchange_##STRENGTH(volatile std::uint##BITS##_t* address,   \
                                                         std::uint##BITS##_t* expected,           \
                                                         std::uint##BITS##_t desired, int, int) { \
    note_update(address, SLIPWAY_CALLER);                                                         \
    return __atomic_compare_exchange_n(address, expected, desired, WEAK, __ATOMIC_RELAXED,        \
                                       __ATOMIC_RELAXED);                                         \
  }
#define SLIPWAY_ATOMIC_HOOKS(BITS)                                                                          \
  std::uint##BITS##_t __tsan_atomic##BITS##_load(const volatile std::uint##BITS##_t* address, int) {        \
    note_update(address, SLIPWAY_CALLER);                                                                   \
    return __atomic_load_n(address, __ATOMIC_RELAXED);                                                      \
  }                                                                                                         \
  void __tsan_atomic##BITS##_store(volatile std::uint##BITS##_t* address, std::uint##BITS##_t value, int) { \
    note_update(address, SLIPWAY_CALLER);                                                                   \
    __atomic_store_n(address, value, __ATOMIC_RELAXED);                                                     \
  }                                                                                                         \
  std::uint##BITS##_t __tsan_atomic##BITS##_exchange(volatile std::uint##BITS##_t* address,                 \
                                                     std::uint##BITS##_t value, int) {                      \
    note_update(address, SLIPWAY_CALLER);                                                                   \
    return __atomic_exchange_n(address, value, __ATOMIC_RELAXED);                                           \
  }                                                                                                         \
  std::uint##BITS##_t __tsan_atomic##BITS##_compare_exchange_val(volatile std::uint##BITS##_t* address,     \
                                                                 std::uint##BITS##_t expected,              \
                                                                 std::uint##BITS##_t desired, int, int) {   \
    note_update(address, SLIPWAY_CALLER);                                                                   \
    __atomic_compare_exchange_n(address, &expected, desired, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);    \
    return expected;                                                                                        \
  }                                                                                                         \
  SLIPWAY_EXCHANGE_HOOK(BITS, strong, false)                                                                \
  SLIPWAY_EXCHANGE_HOOK(BITS, weak, true)                                                                   \
  SLIPWAY_CHANGE_HOOK(BITS, fetch_add)                                                                      \
  SLIPWAY_CHANGE_HOOK(BITS, fetch_sub)                                                                      \
  SLIPWAY_CHANGE_HOOK(BITS, fetch_and)                                                                      \
  SLIPWAY_CHANGE_HOOK(BITS, fetch_or)                                                                       \
  SLIPWAY_CHANGE_HOOK(BITS, fetch_xor)

namespace {

template <class T>
void note_update(const volatile T* address, const void* caller) {
  const char* bytes = const_cast<const char*>(reinterpret_cast<const volatile char*>(address));
  check_access({bytes, sizeof(T), Effect::update, true, caller});
}

// A block of memory, copied or filled as one.
void note_range(char* address, unsigned long bytes, Effect effect, const void* caller) {
  for (unsigned long done = 0; done < bytes;) {
    const auto step = static_cast<std::uint32_t>(bytes - done < 16 ? bytes - done : 16);
    check_access({address + done, step, effect, false, caller});
    done += step;
  }
}

}  // namespace

extern "C" {

void __tsan_init() { slipway::simt::found_instrumentation(); }
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_vptr_update(void**, void*) {}
void __tsan_vptr_read(void**) {}

SLIPWAY_PLAIN_HOOKS(1)
SLIPWAY_PLAIN_HOOKS(2)
SLIPWAY_PLAIN_HOOKS(4)
SLIPWAY_PLAIN_HOOKS(8)
SLIPWAY_PLAIN_HOOKS(16)
void __tsan_read_range(void* address, unsigned long bytes) {
  note_range(static_cast<char*>(address), bytes, Effect::load, SLIPWAY_CALLER);
}
void __tsan_write_range(void* address, unsigned long bytes) {
  note_range(static_cast<char*>(address), bytes, Effect::store, SLIPWAY_CALLER);
}

SLIPWAY_ATOMIC_HOOKS(8)
SLIPWAY_ATOMIC_HOOKS(16)
SLIPWAY_ATOMIC_HOOKS(32)
SLIPWAY_ATOMIC_HOOKS(64)
void __tsan_atomic_thread_fence(int) { slipway::simt::fence(); }
void __tsan_atomic_signal_fence(int) {}

struct SlipwayTypeMismatch {  // as the compiler lays it out
  const char* file;
  int line;
  int column;
  const void* type;
  unsigned char log_alignment;
  unsigned char kind;
};
void __ubsan_handle_type_mismatch_v1(SlipwayTypeMismatch* data, std::uintptr_t address) {
  if (!slipway::simt::current.thread) return;
  slipway::simt::report({.kind = "misaligned access",
                         .message = slipway::text("the address ", address, " is not a multiple of ",
                                                  1u << data->log_alignment, ", as the type's are"),
                         .site = {data->file, data->line}});
}
void __ubsan_handle_type_mismatch_v1_abort(SlipwayTypeMismatch* data, std::uintptr_t address) {
  __ubsan_handle_type_mismatch_v1(data, address);
}
}
