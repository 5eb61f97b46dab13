#include "kernels/simt/runtime/call.h"

#include <atomic>

namespace slipway::simt {

namespace {

std::atomic<std::uint64_t> generation{0};  // of the machine

/// Nothing can come of a thread that has ended.
struct ThreadEnd {
  ~ThreadEnd() {
    const std::lock_guard lock(call_mutex());
    if (has_machine()) machine().note_end(std::this_thread::get_id());
  }
};

}  // namespace

HostThread& host_thread() {
  static thread_local HostThread thread;
  static thread_local std::uint64_t thread_generation = 0;
  static thread_local const ThreadEnd thread_end;
  if (thread_generation != generation) {
    thread = {};
    thread_generation = generation;
  }
  return thread;
}

void forget_host_threads() { ++generation; }

std::mutex& call_mutex() {
  static auto& mutex = *new std::mutex;  // never destroyed, as the machine
  return mutex;
}

cudaError_t remember(cudaError_t code) {
  if (code != cudaSuccess) host_thread().last_error = code;
  return code;
}

void expect_working_device() {
  expect(!machine().devices.empty(), cudaErrorNoDevice);
  const cudaError_t failure = machine().current_device().failure;
  expect(failure == cudaSuccess, failure);
}

void expect_capture_allows_unsafe_call() {
  const cudaStreamCaptureMode mode = host_thread().capture_mode;
  if (mode == cudaStreamCaptureModeRelaxed) return;
  for (Capture& capture : machine().captures) {
    const bool own = capture.thread == std::this_thread::get_id();
    const bool prohibits =
        own ? capture.mode != cudaStreamCaptureModeRelaxed
            : mode == cudaStreamCaptureModeGlobal && capture.mode == cudaStreamCaptureModeGlobal;
    if (!prohibits) continue;
    capture.valid = false;
    throw Failure{cudaErrorStreamCaptureUnsupported};
  }
}

}  // namespace slipway::simt
