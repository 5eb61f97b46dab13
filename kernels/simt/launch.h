#pragma once

#include <vector_types.h>

#include <cstddef>
#include <functional>
#include <memory>

#include "core/tensor/device.h"

namespace slipway::simt {

/// A kernel with its arguments, ready to run.
struct KernelLaunch {
  const void* function;  // the kernel's address, for its name
  dim3 grid;
  dim3 block;
  std::size_t shared_bytes = 0;       // dynamic shared memory
  std::function<void()> thread_body;  // what each thread does
};

/// The body of threads that call(body.get()). std::function's own code, were it compiled with a kernel, would
/// be instrumented with it, and seem to read the host's memory.
std::function<void()> thread_body(std::shared_ptr<const void> body, void (*call)(const void*));
template <class Body>
__attribute__((no_sanitize("thread", "alignment"))) void call_body(const void* body) {
  (*static_cast<const Body*>(body))();
}

/// Error if no GPU could run it: too many threads, a grid too large, too much shared memory.
void require_valid(const KernelLaunch& launch);

/// Queues the kernel on the stream's device.
void enqueue(const Stream& stream, KernelLaunch launch);

/// Runs the whole grid, now.
void run_grid(const KernelLaunch& launch, int device);

}  // namespace slipway::simt
