#include <cuda_runtime_api.h>

#include <algorithm>
#include <iterator>

#include "kernels/simt/runtime/call.h"

// Errors and versions.
namespace slipway::simt {
namespace {

struct ErrorText {
  cudaError_t code;
  const char* name;
  const char* description;
};

// Those that the simulator returns, and those that programs make of other libraries' failures.
#define SLIPWAY_ERROR(name, description) \
  { name, #name, description }
constexpr ErrorText kErrors[] = {
    SLIPWAY_ERROR(cudaSuccess, "no error"),
    SLIPWAY_ERROR(cudaErrorInvalidValue, "invalid argument"),
    SLIPWAY_ERROR(cudaErrorMemoryAllocation, "out of memory"),
    SLIPWAY_ERROR(cudaErrorInitializationError, "initialization error"),
    SLIPWAY_ERROR(cudaErrorInvalidConfiguration, "invalid configuration argument"),
    SLIPWAY_ERROR(cudaErrorInvalidMemcpyDirection, "invalid copy direction for memcpy"),
    SLIPWAY_ERROR(cudaErrorInsufficientDriver,
                  "CUDA driver version is insufficient for CUDA runtime version"),
    SLIPWAY_ERROR(cudaErrorInvalidDeviceFunction, "invalid device function"),
    SLIPWAY_ERROR(cudaErrorNoDevice, "no CUDA-capable device is detected"),
    SLIPWAY_ERROR(cudaErrorInvalidDevice, "invalid device ordinal"),
    SLIPWAY_ERROR(cudaErrorNoKernelImageForDevice,
                  "no kernel image is available for execution on the device"),
    SLIPWAY_ERROR(cudaErrorInvalidResourceHandle, "invalid resource handle"),
    SLIPWAY_ERROR(cudaErrorNotReady, "device not ready"),
    SLIPWAY_ERROR(cudaErrorIllegalAddress, "an illegal memory access was encountered"),
    SLIPWAY_ERROR(cudaErrorLaunchOutOfResources, "too many resources requested for launch"),
    SLIPWAY_ERROR(cudaErrorLaunchTimeout, "the launch timed out and was terminated"),
    SLIPWAY_ERROR(cudaErrorPeerAccessAlreadyEnabled, "peer access is already enabled"),
    SLIPWAY_ERROR(cudaErrorPeerAccessNotEnabled, "peer access has not been enabled"),
    SLIPWAY_ERROR(cudaErrorMisalignedAddress, "misaligned address"),
    SLIPWAY_ERROR(cudaErrorLaunchFailure, "unspecified launch failure"),
    SLIPWAY_ERROR(cudaErrorNotPermitted, "operation not permitted"),
    SLIPWAY_ERROR(cudaErrorNotSupported, "operation not supported"),
    SLIPWAY_ERROR(cudaErrorStreamCaptureUnsupported, "operation not permitted when stream is capturing"),
    SLIPWAY_ERROR(cudaErrorStreamCaptureInvalidated,
                  "operation failed due to a previous error during capture"),
    SLIPWAY_ERROR(cudaErrorStreamCaptureMerge,
                  "operation would result in a merge of separate capture sequences"),
    SLIPWAY_ERROR(cudaErrorStreamCaptureUnmatched, "capture was not ended in the same stream as it began"),
    SLIPWAY_ERROR(cudaErrorStreamCaptureUnjoined, "capturing stream has unjoined work"),
    SLIPWAY_ERROR(cudaErrorStreamCaptureIsolation, "dependency created on uncaptured work in another stream"),
    SLIPWAY_ERROR(cudaErrorStreamCaptureImplicit,
                  "operation would make the legacy stream depend on a capturing blocking stream"),
    SLIPWAY_ERROR(cudaErrorCapturedEvent,
                  "operation not permitted on an event last recorded in a capturing stream"),
    SLIPWAY_ERROR(cudaErrorStreamCaptureWrongThread,
                  "attempt to terminate a thread-local capture sequence from another thread"),
    SLIPWAY_ERROR(cudaErrorUnknown, "unknown error"),
};
#undef SLIPWAY_ERROR

const ErrorText* find(cudaError_t code) {
  const auto* found = std::find_if(std::begin(kErrors), std::end(kErrors),
                                   [&](const ErrorText& one) { return one.code == code; });
  return found == std::end(kErrors) ? nullptr : found;
}

constexpr const char* kUnrecognised = "unrecognized error code";

/// What the current device died of, else what the thread's last failing call returned.
cudaError_t last_error() {
  if (host_thread().in_host_function) return host_thread().last_error;
  const std::lock_guard lock(call_mutex());
  if (machine().devices.empty()) return host_thread().last_error;
  const cudaError_t failure = machine().current_device().failure;
  return failure != cudaSuccess ? failure : host_thread().last_error;
}

}  // namespace
}  // namespace slipway::simt

using namespace slipway::simt;

extern "C" {

const char* cudaGetErrorName(cudaError_t error) {
  const ErrorText* found = find(error);
  return found ? found->name : kUnrecognised;
}

const char* cudaGetErrorString(cudaError_t error) {
  const ErrorText* found = find(error);
  return found ? found->description : kUnrecognised;
}

cudaError_t cudaGetLastError() {
  const cudaError_t error = last_error();
  host_thread().last_error = cudaSuccess;
  return error;
}

cudaError_t cudaPeekAtLastError() { return last_error(); }

cudaError_t cudaRuntimeGetVersion(int* version) {
  return call_any_device([&](Machine&) {
    expect(version, cudaErrorInvalidValue);
    *version = CUDART_VERSION;
  });
}

cudaError_t cudaDriverGetVersion(int* version) { return cudaRuntimeGetVersion(version); }

}  // extern "C"
