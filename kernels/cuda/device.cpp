#include <cuda_runtime_api.h>
#ifndef SLIPWAY_SIMULATED
#include <nvtx3/nvToolsExt.h>
#endif

#include <exception>
#include <string>

#include "core/base/error.h"
#include "core/tensor/event.h"
#include "kernels/cuda/host_wait.h"
#include "kernels/cuda/vendor/ranks.h"

namespace slipway::cuda {
namespace {

#ifdef SLIPWAY_SIMULATED
constexpr bool kSimulated = true;
#else
constexpr bool kSimulated = false;
#endif

/// Error unless a call of the runtime succeeded; it may report the failure of work enqueued before.
void expect_success(cudaError_t status, Device device, const char* call) {
  if (status == cudaSuccess) return;
  cudaGetLastError();  // an error that does not stick must not be found again by the next call
  throw Error(text(to_string(device), ": ", call, ": ", cudaGetErrorString(status)));
}

void select(Device device) { expect_success(cudaSetDevice(device.index), device, "cudaSetDevice"); }

cudaStream_t queue_of(const Stream& stream) { return static_cast<cudaStream_t>(stream.native); }

cudaEvent_t event_of(void* event) { return static_cast<cudaEvent_t>(event); }

std::string version_text(int version) { return text(version / 1000, '.', version % 1000 / 10); }

/// Why a device that the driver lists can't run our kernels; "" if it can.
std::string reason_against(int index, const cudaDeviceProp& properties) {
  constexpr int kOldest = 8;  // compute capability: bfloat16 and asynchronous copies
  if (properties.major < kOldest)
    return text("compute capability ", properties.major, '.', properties.minor, ", expected at least ",
                kOldest, ".0");
  int mode = 0;
  const cudaError_t status = cudaDeviceGetAttribute(&mode, cudaDevAttrComputeMode, index);
  if (status == cudaSuccess && mode == cudaComputeModeProhibited) return "its compute mode is 'prohibited'";
  return "";
}

class CudaBackend final : public DeviceBackend {
 public:
  int count(std::string* why_none) const override {
    int count = 0;
    const cudaError_t status = cudaGetDeviceCount(&count);
    if (status == cudaSuccess && count > 0) return count;
    cudaGetLastError();
    if (why_none) *why_none = status == cudaSuccess ? "no device was found" : cudaGetErrorString(status);
    return 0;
  }

  DeviceInfo info(int index) const override {
    DeviceInfo info{.simulated = kSimulated};
    cudaDeviceProp properties{};
    const cudaError_t status = cudaGetDeviceProperties(&properties, index);
    if (status != cudaSuccess) {
      cudaGetLastError();
      info.unusable = text("cudaGetDeviceProperties: ", cudaGetErrorString(status));
      return info;
    }
    info.name = properties.name;
    info.compute_capability = text(properties.major, '.', properties.minor);
    info.memory_bytes = properties.totalGlobalMem;
    int driver = 0;
    if (cudaDriverGetVersion(&driver) == cudaSuccess && driver > 0) info.driver = version_text(driver);
    info.unusable = reason_against(index, properties);
    if (info.unusable.empty()) measure_free_memory(index, info);
    return info;
  }

  std::byte* allocate(Device device, std::size_t bytes) override {
    select(device);
    void* memory = nullptr;
    const cudaError_t status = cudaMalloc(&memory, bytes);
    if (status == cudaErrorMemoryAllocation) {
      cudaGetLastError();
      std::size_t free = 0, total = 0;
      cudaMemGetInfo(&free, &total);
      throw Error(text(to_string(device), ": out of memory for ", bytes, " bytes; ", free, " of ", total,
                       " bytes are free"));
    }
    expect_success(status, device, "cudaMalloc");
    return static_cast<std::byte*>(memory);
  }

  void release(Device device, std::byte* memory) noexcept override {
    if (!settle(device)) return;  // what is enqueued may still use it
    cudaFree(memory);
  }

  void* open_queue(Device device) override {
    select(device);
    cudaStream_t queue = nullptr;
    expect_success(cudaStreamCreate(&queue), device, "cudaStreamCreate");
    return queue;
  }

  void close_queue(Device device, void* native) noexcept override {
    if (cudaSetDevice(device.index) != cudaSuccess) return;
    cudaStreamSynchronize(static_cast<cudaStream_t>(native));
    cudaStreamDestroy(static_cast<cudaStream_t>(native));
  }

  void upload(const Stream& stream, const ByteCopy& copy) override {
    enqueue(stream, copy, cudaMemcpyHostToDevice);  // pageable memory: it has been read on return
  }
  void download(const Stream& stream, const ByteCopy& copy) override {
    guard_wait(stream);  // the copy waits, too
    enqueue(stream, copy, cudaMemcpyDeviceToHost);
    synchronize(stream);
  }
  void copy(const Stream& stream, const ByteCopy& copy) override {
    enqueue(stream, copy, cudaMemcpyDeviceToDevice);
  }

  void zero(const Stream& stream, std::byte* to, std::size_t bytes) override {
    begin(stream);
    expect_success(cudaMemsetAsync(to, 0, bytes, queue_of(stream)), stream.device, "cudaMemsetAsync");
    end(stream);
  }

  void synchronize(const Stream& stream) override {
    select(stream.device);
    guard_wait(stream);
    if (stream.native) {
      expect_success(cudaStreamSynchronize(queue_of(stream)), stream.device, "cudaStreamSynchronize");
    } else {
      expect_success(cudaDeviceSynchronize(), stream.device, "cudaDeviceSynchronize");
    }
  }

  std::byte* allocate_pinned(Device device, std::size_t bytes) override {
    select(device);
    void* memory = nullptr;
    const cudaError_t status = cudaMallocHost(&memory, bytes);
    require(status != cudaErrorMemoryAllocation, to_string(device), ": out of pinned host memory for ", bytes,
            " bytes");
    expect_success(status, device, "cudaMallocHost");
    return static_cast<std::byte*>(memory);
  }

  void release_pinned(Device device, std::byte* memory) noexcept override {
    if (!settle(device)) return;  // what is enqueued may still use it
    cudaFreeHost(memory);
  }

  void enqueue_upload(const Stream& stream, const ByteCopy& copy) override {
    enqueue(stream, copy, cudaMemcpyHostToDevice);
  }
  void enqueue_download(const Stream& stream, const ByteCopy& copy) override {
    enqueue(stream, copy, cudaMemcpyDeviceToHost);
  }

  void* open_event(Device device, EventKind kind) override {
    select(device);
    cudaEvent_t event = nullptr;
    const unsigned flags = kind == EventKind::time ? cudaEventDefault : cudaEventDisableTiming;
    expect_success(cudaEventCreateWithFlags(&event, flags), device, "cudaEventCreate");
    return event;
  }

  void close_event(Device device, void* event) noexcept override {
    if (cudaSetDevice(device.index) == cudaSuccess) cudaEventDestroy(event_of(event));
  }

  void record_event(const Stream& stream, void* event) override {
    select(stream.device);
    expect_success(cudaEventRecord(event_of(event), queue_of(stream)), stream.device, "cudaEventRecord");
  }

  void wait_for_event(const Stream& stream, void* event) override {
    select(stream.device);
    expect_success(cudaStreamWaitEvent(queue_of(stream), event_of(event), 0), stream.device,
                   "cudaStreamWaitEvent");
  }

  void synchronize_event(Device device, void* event) override {
    select(device);
    guarded_wait(device, [&] { return cudaEventQuery(event_of(event)); });
    expect_success(cudaEventSynchronize(event_of(event)), device, "cudaEventSynchronize");
  }

  double seconds_between(Device device, void* start, void* end) override {
    select(device);
    float milliseconds = 0;
    expect_success(cudaEventElapsedTime(&milliseconds, event_of(start), event_of(end)), device,
                   "cudaEventElapsedTime");
    return milliseconds * 1e-3;
  }

  bool begin_recording(const Stream& stream) override {
    if (!stream.native) return false;  // the device's default stream can't be captured
    select(stream.device);
    // Other threads may go on allocating.
    expect_success(cudaStreamBeginCapture(queue_of(stream), cudaStreamCaptureModeThreadLocal), stream.device,
                   "cudaStreamBeginCapture");
    return true;
  }

  bool is_recording(const Stream& stream) override {
    cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
    expect_success(cudaStreamIsCapturing(queue_of(stream), &status), stream.device, "cudaStreamIsCapturing");
    return status == cudaStreamCaptureStatusActive;
  }

  void* end_recording(const Stream& stream) override {
    cudaGraph_t graph = nullptr;
    if (cudaStreamEndCapture(queue_of(stream), &graph) != cudaSuccess) {
      cudaGetLastError();
      return nullptr;
    }
    cudaGraphExec_t executable = nullptr;
    const cudaError_t status = cudaGraphInstantiate(&executable, graph, 0);
    cudaGraphDestroy(graph);
    expect_success(status, stream.device, "cudaGraphInstantiate");
    return executable;
  }

  void enqueue_recording(const Stream& stream, void* recording) override {
    select(stream.device);
    expect_success(cudaGraphLaunch(static_cast<cudaGraphExec_t>(recording), queue_of(stream)), stream.device,
                   "cudaGraphLaunch");
  }

  void close_recording(Device device, void* recording) noexcept override {
    if (!settle(device)) return;  // it may be running
    cudaGraphExecDestroy(static_cast<cudaGraphExec_t>(recording));
  }

#ifdef SLIPWAY_SIMULATED
  void begin_range(const std::string&) override {}
  void end_range() override {}
#else
  void begin_range(const std::string& name) override { nvtxRangePushA(name.c_str()); }
  void end_range() override { nvtxRangePop(); }
#endif

  std::unique_ptr<Communicator> connect(Device device, Communicator& host,
                                        std::chrono::milliseconds timeout) override {
    return connect_ranks(device, {.host = host, .timeout = timeout});
  }

 private:
  void guard_wait(const Stream& stream) {
    if (!is_guarded(stream.device)) return;
    select(stream.device);
    if (stream.native) return guarded_wait(stream.device, [&] { return cudaStreamQuery(queue_of(stream)); });
    Event end(stream.device);
    end.record(stream);
    end.synchronize();
  }

  /// Waits for everything on the device, whatever becomes of it. False if there is no such device.
  bool settle(Device device) noexcept {
    if (cudaSetDevice(device.index) != cudaSuccess) return false;
    try {
      guard_wait({.device = device});
    } catch (const std::exception&) {
      cudaGetLastError();  // who waits for results is told
    }
    cudaDeviceSynchronize();
    return true;
  }

  /// A stream without a queue stands for all of the device.
  void begin(const Stream& stream) {
    if (stream.native)
      select(stream.device);
    else
      synchronize(stream);
  }
  void end(const Stream& stream) {
    if (!stream.native) synchronize(stream);
  }

  void enqueue(const Stream& stream, const ByteCopy& copy, cudaMemcpyKind kind) {
    begin(stream);
    expect_success(cudaMemcpyAsync(copy.to, copy.from, copy.bytes, kind, queue_of(stream)), stream.device,
                   "cudaMemcpyAsync");
    end(stream);
  }

  void measure_free_memory(int index, DeviceInfo& info) const {
    std::size_t total = 0;
    cudaError_t status = cudaSetDevice(index);
    if (status == cudaSuccess) status = cudaMemGetInfo(&info.free_bytes, &total);
    if (status == cudaSuccess) return;
    cudaGetLastError();
    info.unusable = cudaGetErrorString(status);
  }
};

CudaBackend backend;
const DeviceBackendRegistrar registered(DeviceKind::cuda, backend);

}  // namespace
}  // namespace slipway::cuda
