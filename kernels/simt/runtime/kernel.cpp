#include <cuda_runtime_api.h>

#include <algorithm>

#include "core/base/error.h"
#include "kernels/simt/launch.h"
#include "kernels/simt/runtime/call.h"
#include "kernels/simt/runtime/properties.h"
#include "kernels/simt/symbols.h"

// Kernels: their launch, their attributes and how many of their blocks fit a multiprocessor.
namespace slipway::simt {
namespace {

// Simulated time, for programs that measure: a launch, and threads a microsecond.
constexpr double kStartMicroseconds = 2;
constexpr double kThreads = 50e3;

int shared_limit(const Machine& machine, const void* function) {
  const auto found = machine.dynamic_shared_limits.find(function);
  return found == machine.dynamic_shared_limits.end() ? static_cast<int>(kSharedBytes) : found->second;
}

double duration(const KernelLaunch& launch) {
  const auto volume = [](const dim3& size) { return 1.0 * size.x * size.y * size.z; };
  return kStartMicroseconds + volume(launch.grid) * volume(launch.block) / kThreads;
}

void enqueue_kernel(Machine& machine, StreamState& stream, KernelLaunch launch) {
  const std::string name = function_name(launch.function);
  // "A kernel launch will fail if it is issued to a stream that is not associated to the current device."
  require(stream.device == host_thread().device, name, ": launched on device ", host_thread().device,
          " in a stream of device ", stream.device);
  const void* function = launch.function;
  Operation operation{.name = name,
                      .kind = OperationKind::kernel,
                      .device = stream.device,
                      .microseconds = duration(launch),
                      .caller = function};
  operation.run = [launch = std::move(launch), device = stream.device] { run_grid(launch, device); };
  machine.submit(stream, std::move(operation));
}

}  // namespace

void enqueue(const Stream& stream, KernelLaunch launch) {
  require_valid(launch);
  const std::string name = function_name(launch.function);
  cudaSetDevice(stream.device.index);
  const cudaError_t code = call([&](Machine& machine) {
    enqueue_kernel(machine, machine.stream(static_cast<cudaStream_t>(stream.native)), std::move(launch));
  });
  require(code == cudaSuccess, name, ": ", cudaGetErrorString(code), " (", cudaGetErrorName(code), ")");
}

}  // namespace slipway::simt

using namespace slipway::simt;

extern "C" {

cudaError_t cudaFuncSetAttribute(const void* function, cudaFuncAttribute attribute, int value) {
  return call([&](Machine& machine) {
    expect(function, cudaErrorInvalidDeviceFunction);
    switch (attribute) {
      case cudaFuncAttributeMaxDynamicSharedMemorySize:
        expect(value >= 0 && static_cast<std::size_t>(value) <= kSharedBytesOptin, cudaErrorInvalidValue);
        machine.dynamic_shared_limits[function] = value;
        break;
      case cudaFuncAttributePreferredSharedMemoryCarveout:
        // A hint, in percent; -1 is the default.
        expect(value >= -1 && value <= 100, cudaErrorInvalidValue);
        break;
      default:
        throw Failure{cudaErrorInvalidValue};
    }
  });
}

cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attributes, const void* function) {
  return call([&](Machine& machine) {
    expect(attributes, cudaErrorInvalidValue);
    expect(function, cudaErrorInvalidDeviceFunction);
    const cudaDeviceProp properties = device_properties(host_thread().device);
    *attributes = {};
    attributes->maxThreadsPerBlock = properties.maxThreadsPerBlock;
    attributes->maxDynamicSharedSizeBytes = shared_limit(machine, function);
    attributes->binaryVersion = attributes->ptxVersion = properties.major * 10 + properties.minor;
    attributes->preferredShmemCarveout = -1;
  });
}

cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, const void* function, int block_size,
                                                          std::size_t shared_bytes) {
  return call([&](Machine& machine) {
    const cudaDeviceProp properties = device_properties(host_thread().device);
    expect(blocks && block_size > 0, cudaErrorInvalidValue);
    expect(function, cudaErrorInvalidDeviceFunction);
    *blocks = 0;
    if (block_size > properties.maxThreadsPerBlock) return;
    if (shared_bytes > static_cast<std::size_t>(shared_limit(machine, function))) return;
    // Whole warps are resident; registers are the compiler's, and unknown here.
    const int threads = (block_size + properties.warpSize - 1) / properties.warpSize * properties.warpSize;
    const std::size_t shared = shared_bytes + properties.reservedSharedMemPerBlock;
    *blocks =
        std::min({properties.maxBlocksPerMultiProcessor, properties.maxThreadsPerMultiProcessor / threads,
                  static_cast<int>(properties.sharedMemPerMultiprocessor / shared)});
  });
}

}  // extern "C"
