#pragma once

#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/base/error.h"
#include "kernels/simt/launch.h"
#include "kernels/simt/report.h"
#include "kernels/simt/settings.h"
#include "tests/kernels/simt/mistake.h"

namespace slipway::test {

/// Every test finds new simulated devices and leaves none behind.
class SimulatedRuntime : public ::testing::Test {
 protected:
  SimulatedRuntime();
  ~SimulatedRuntime() override;
};

inline constexpr std::uint64_t kSeeds = 10;

/// New simulated devices made from these settings; findings are collected.
void restart_with(simt::Settings settings);

/// Runs the program once for each of ten scheduling seeds, on new devices.
void for_each_seed(const std::function<void()>& program);

/// Throws unless the call succeeded.
void ok(cudaError_t code);

/// How many findings of a kind there are; of any kind without one.
std::size_t count_findings(const std::string& kind = "");
/// Expects that the mistake has been found, with its file and line.
void expect_found(const Mistake& mistake);

template <class T>
class DeviceArray {
 public:
  explicit DeviceArray(std::size_t count, int device = 0) : count_(count) {
    int before = 0;
    ok(cudaGetDevice(&before));
    ok(cudaSetDevice(device));
    ok(cudaMalloc(reinterpret_cast<void**>(&data_), bytes()));
    ok(cudaSetDevice(before));
  }
  ~DeviceArray() {
    if (data_) cudaFree(data_);
  }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;

  T* get() const { return data_; }
  std::size_t size() const { return count_; }
  std::size_t bytes() const { return count_ * sizeof(T); }

 private:
  std::size_t count_;
  T* data_ = nullptr;
};

template <class T>
class PinnedArray {
 public:
  explicit PinnedArray(std::size_t count) : count_(count) {
    ok(cudaMallocHost(reinterpret_cast<void**>(&data_), bytes()));
  }
  PinnedArray(std::size_t count, T value) : PinnedArray(count) { std::fill_n(data_, count_, value); }
  ~PinnedArray() { cudaFreeHost(data_); }
  PinnedArray(const PinnedArray&) = delete;
  PinnedArray& operator=(const PinnedArray&) = delete;

  T* get() const { return data_; }
  T& operator[](std::size_t index) const { return data_[index]; }
  T* begin() const { return data_; }
  T* end() const { return data_ + count_; }
  std::size_t size() const { return count_; }
  std::size_t bytes() const { return count_ * sizeof(T); }
  bool all(T value) const {
    return std::all_of(begin(), end(), [&](T one) { return one == value; });
  }

 private:
  std::size_t count_;
  T* data_ = nullptr;
};

class OwnedStream {
 public:
  explicit OwnedStream(unsigned flags = cudaStreamNonBlocking) {
    ok(cudaStreamCreateWithFlags(&stream_, flags));
  }
  ~OwnedStream() { cudaStreamDestroy(stream_); }
  OwnedStream(const OwnedStream&) = delete;
  OwnedStream& operator=(const OwnedStream&) = delete;
  operator cudaStream_t() const { return stream_; }

 private:
  cudaStream_t stream_ = nullptr;
};

class OwnedEvent {
 public:
  explicit OwnedEvent(unsigned flags = cudaEventDefault) { ok(cudaEventCreateWithFlags(&event_, flags)); }
  ~OwnedEvent() { cudaEventDestroy(event_); }
  OwnedEvent(const OwnedEvent&) = delete;
  OwnedEvent& operator=(const OwnedEvent&) = delete;
  operator cudaEvent_t() const { return event_; }

 private:
  cudaEvent_t event_ = nullptr;
};

/// Queues a kernel of one thread that does this, in a stream of device 0.
void launch(cudaStream_t stream, std::function<void()> body);

template <class T>
void to_device(const DeviceArray<T>& target, const PinnedArray<T>& source, cudaStream_t stream) {
  ok(cudaMemcpyAsync(target.get(), source.get(), source.bytes(), cudaMemcpyHostToDevice, stream));
}

template <class T>
void to_host(const PinnedArray<T>& target, const DeviceArray<T>& source, cudaStream_t stream) {
  ok(cudaMemcpyAsync(target.get(), source.get(), target.bytes(), cudaMemcpyDeviceToHost, stream));
}

}  // namespace slipway::test
