#pragma once

#include <vector_types.h>

#include <cstddef>
#include <functional>

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

/// Error if no GPU could run it: too many threads, a grid too large, too much shared memory.
void require_valid(const KernelLaunch& launch);

/// Queues the kernel on the stream's device.
void enqueue(const Stream& stream, KernelLaunch launch);

/// Runs the whole grid, now.
void run_grid(const KernelLaunch& launch, int device);

}  // namespace slipway::simt
