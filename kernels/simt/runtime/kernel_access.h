#pragma once

#include <cstddef>

#include "kernels/simt/runtime/access_history.h"

namespace slipway::simt {

/// What a thread of the running kernel does to memory of the runtime.
struct KernelAccess {
  const void* address = nullptr;
  std::size_t bytes = 0;
  AccessKind kind = AccessKind::read;
  const void* pc = nullptr;  // for reports
};

/// Reports the access if an operation of another stream conflicts with it. Once for each kernel and word is
/// enough.
void note_access(const KernelAccess& access);

/// Whether kernels of the device may access the memory of the owner: their own, or a peer's once that is
/// enabled.
bool may_access(int device, int owner);

}  // namespace slipway::simt
