#pragma once

namespace slipway::simt {

/// One asynchronous copy of a thread to shared memory: `bytes` of 16 come from `from`, the others are zero.
struct AsyncCopy {
  void* to = nullptr;
  const void* from = nullptr;
  int bytes = 0;
};

// Those of the current thread that it has not waited for. A copy is performed at its wait, by the kernel, so
// that a missing wait shows and the checker sees the access.

void start_async_copy(const AsyncCopy& copy);
/// Closes a group of copies.
void commit_async_copies();
/// Hands out the oldest copy that belongs to none of the last `pending` groups; false if there is none.
bool take_async_copy(int pending, AsyncCopy& copy);

}  // namespace slipway::simt
