#pragma once

#include <cstddef>
#include <cstdint>

namespace slipway::simt {

struct KernelLaunch;

/// Checks every access of instrumented kernels: races, bounds, alignment, memory never written or already
/// freed, of another device or of the host. Kernels are instrumented by the compiler's ThreadSanitizer, whose
/// hooks come here; see hooks.cpp. Blocks then run on one OS thread.

/// Whether any kernel of this process is instrumented, and Settings::check or Settings::meter is on.
bool checking();
/// An instrumented file is part of this process.
void found_instrumentation();

enum class Effect : std::uint8_t { load, store, update };  // update: an atomic read-modify-write

struct Access {
  const char* address;
  std::uint32_t bytes;
  Effect effect;
  bool aligned;    // to its size, as the compiler takes for granted
  const void* pc;  // the instruction behind
};
/// The current thread is about to make this access.
void check_access(const Access& access);

/// A launch, and each of its blocks, begins; a block ends.
void check_grid_begin(const KernelLaunch& launch);
void check_block_begin();
void check_block_end();

}  // namespace slipway::simt
