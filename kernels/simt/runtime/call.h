#pragma once

#include <cuda_runtime_api.h>

#include <mutex>

#include "kernels/simt/runtime/machine.h"

namespace slipway::simt {

/// Ends a call of the runtime with this code.
struct Failure {
  cudaError_t code;
};
inline void expect(bool condition, cudaError_t otherwise) {
  if (!condition) throw Failure{otherwise};
}

/// What each host thread has of its own.
struct HostThread {
  int device = 0;
  cudaError_t last_error = cudaSuccess;
  cudaStreamCaptureMode capture_mode = cudaStreamCaptureModeGlobal;
  bool in_host_function = false;
};
HostThread& host_thread();
/// As if every thread were new.
void forget_host_threads();

/// One call at a time enters the machine.
std::mutex& call_mutex();

/// Remembers the code for cudaGetLastError and returns it.
cudaError_t remember(cudaError_t code);

/// Failure if the current device has failed asynchronously, or if there is none.
void expect_working_device();

/// Enters the machine, runs the body of a function of the runtime and turns what it throws into its code.
template <class Body>
cudaError_t call_any_device(const Body& body) {
  // "The host function must not make any CUDA API calls." (cudaLaunchHostFunc)
  if (host_thread().in_host_function) return cudaErrorNotPermitted;
  const std::lock_guard lock(call_mutex());
  try {
    body(machine());
    return cudaSuccess;
  } catch (const Failure& failure) {
    return remember(failure.code);
  }
}

/// The same for what needs the current device: once that has failed asynchronously, every call returns its
/// failure.
template <class Body>
cudaError_t call(const Body& body) {
  return call_any_device([&](Machine& machine) {
    expect_working_device();
    body(machine);
    expect_working_device();  // work that the body waited for may have failed
  });
}

/// Refuses a call that stream capture does not see, if a capture prohibits it
/// (cudaThreadExchangeStreamCaptureMode). The capture becomes invalid.
void expect_capture_allows_unsafe_call();

}  // namespace slipway::simt
