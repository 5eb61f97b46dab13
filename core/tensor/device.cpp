#include "core/tensor/device.h"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <cstring>

#include "core/base/error.h"
#include "core/comm/communicator.h"
#include "core/tensor/device_backend.h"

namespace slipway {
namespace {

constexpr std::size_t kAlignment = 64;  // a cache line and an AVX-512 vector
constexpr std::size_t kHugePage = 2 << 20;

/// The host: memory is memory, and work is done when it is asked for.
class CpuBackend final : public DeviceBackend {
 public:
  int count(std::string*) const override { return 1; }
  DeviceInfo info(int) const override { return {.name = "CPU"}; }

  /// Large memory in huge pages, where the system has them: fewer pages to hand out, to look up, and to pin
  /// when another process reads them.
  std::byte* allocate(Device, std::size_t bytes) override {
    const std::size_t alignment = bytes < 2 * kHugePage ? kAlignment : kHugePage;
    const std::size_t rounded = (bytes + alignment - 1) / alignment * alignment;
    auto* memory = static_cast<std::byte*>(std::aligned_alloc(alignment, rounded));
    if (!memory) throw Error(text("cpu: out of memory for ", bytes, " bytes"));
    if (alignment == kHugePage) madvise(memory, rounded, MADV_HUGEPAGE);
    return memory;
  }
  void release(Device, std::byte* memory) noexcept override { std::free(memory); }
  void* open_queue(Device) override { return nullptr; }
  void close_queue(Device, void*) noexcept override {}

  void upload(const Stream& stream, const ByteCopy& bytes) override { copy(stream, bytes); }
  void download(const Stream& stream, const ByteCopy& bytes) override { copy(stream, bytes); }
  void copy(const Stream&, const ByteCopy& copy) override { std::memcpy(copy.to, copy.from, copy.bytes); }
  /// On several threads where memory is large: the system hands it out page by page when it is first written.
  void zero(const Stream& stream, std::byte* to, std::size_t bytes) override {
    constexpr std::size_t kPart = 1 << 20;
    const std::size_t parts = (bytes + kPart - 1) / kPart;
#pragma omp parallel for num_threads(stream.threads) schedule(static) if (parts > 1)
    for (std::size_t i = 0; i < parts; ++i)
      std::memset(to + i * kPart, 0, std::min(kPart, bytes - i * kPart));
  }
  void synchronize(const Stream&) override {}

  std::byte* allocate_pinned(Device device, std::size_t bytes) override { return allocate(device, bytes); }
  void release_pinned(Device device, std::byte* memory) noexcept override { release(device, memory); }
  void enqueue_upload(const Stream& stream, const ByteCopy& bytes) override { copy(stream, bytes); }
  void enqueue_download(const Stream& stream, const ByteCopy& bytes) override { copy(stream, bytes); }

  // An event has happened once it is recorded: it is the time of that.
  void* open_event(Device, EventKind) override { return new Clock::time_point(); }
  void close_event(Device, void* event) noexcept override { delete static_cast<Clock::time_point*>(event); }
  void record_event(const Stream&, void* event) override {
    *static_cast<Clock::time_point*>(event) = Clock::now();
  }
  void wait_for_event(const Stream&, void*) override {}
  void synchronize_event(Device, void*) override {}
  double seconds_between(Device, void* start, void* end) override {
    const auto time = [](void* event) { return *static_cast<Clock::time_point*>(event); };
    return std::chrono::duration<double>(time(end) - time(start)).count();
  }

  // Work that is done at once can't be done again.
  bool begin_recording(const Stream&) override { return false; }
  bool is_recording(const Stream&) override { return false; }
  void* end_recording(const Stream&) override { return nullptr; }
  void enqueue_recording(const Stream&, void*) override {}
  void close_recording(Device, void*) noexcept override {}

  void begin_range(const std::string&) override {}
  void end_range() override {}

  std::unique_ptr<Communicator> connect(Device, Communicator&, std::chrono::milliseconds) override {
    throw Error("cpu: ranks on CPUs are connected by their host's communicator");
  }

 private:
  using Clock = std::chrono::steady_clock;
};

constinit CpuBackend cpu_backend;
constinit std::array<DeviceBackend*, kDeviceKinds> backends = {&cpu_backend};

}  // namespace

std::string to_string(Device device) {
  return device.kind == DeviceKind::cpu ? "cpu" : text("cuda:", device.index);
}

DeviceBackend* find_device_backend(DeviceKind kind) { return backends[static_cast<std::size_t>(kind)]; }

DeviceBackend& device_backend(Device device) {
  DeviceBackend* backend = find_device_backend(device.kind);
  require(backend != nullptr, to_string(device), ": this build has no such device");
  return *backend;
}

DeviceBackendRegistrar::DeviceBackendRegistrar(DeviceKind kind, DeviceBackend& backend) {
  backends[static_cast<std::size_t>(kind)] = &backend;
}

Queue::Queue(Device device) : device_(device), native_(device_backend(device).open_queue(device)) {}

Queue::~Queue() { device_backend(device_).close_queue(device_, native_); }

Buffer::Buffer(Device device, std::size_t bytes) : device_(device), bytes_(bytes) {
  DeviceBackend& backend = device_backend(device);
  if (bytes == 0) return;
  data_ = std::shared_ptr<std::byte>(backend.allocate(device, bytes), [device, &backend](std::byte* memory) {
    backend.release(device, memory);
  });
}

}  // namespace slipway
