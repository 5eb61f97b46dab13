#pragma once

#include <nccl.h>

#include <functional>
#include <memory>
#include <vector>

#include "tests/kernels/simt/runtime/support.h"

namespace slipway::test::nccl {

using slipway::test::ok;
inline void ok(ncclResult_t code) { require(code == ncclSuccess, ncclGetErrorString(code)); }

inline constexpr std::size_t kCount = 64;

/// One rank a device, all driven by this thread.
class Ranks {
 public:
  explicit Ranks(int count) : communicators(static_cast<std::size_t>(count)) {
    ok(ncclCommInitAll(communicators.data(), count, nullptr));
    for (int rank = 0; rank < count; ++rank) {
      ok(cudaSetDevice(rank));
      streams.push_back(std::make_unique<OwnedStream>());
    }
    ok(cudaSetDevice(0));
  }
  ~Ranks() {
    for (ncclComm_t communicator : communicators) ncclCommDestroy(communicator);
  }
  Ranks(const Ranks&) = delete;
  Ranks& operator=(const Ranks&) = delete;

  std::size_t size() const { return communicators.size(); }
  cudaStream_t stream(std::size_t rank) const { return *streams[rank]; }
  void synchronize() const {
    for (const auto& stream : streams) ok(cudaStreamSynchronize(*stream));
  }

  std::vector<ncclComm_t> communicators;
  std::vector<std::unique_ptr<OwnedStream>> streams;
};

/// An array on each rank's device, of which element i of rank r is value(r, i).
template <class T>
std::vector<std::unique_ptr<DeviceArray<T>>> arrays(std::size_t ranks, std::size_t count,
                                                    const std::function<T(std::size_t, std::size_t)>& value) {
  std::vector<std::unique_ptr<DeviceArray<T>>> made;
  for (std::size_t rank = 0; rank < ranks; ++rank) {
    std::vector<T> values(count);
    for (std::size_t i = 0; i < count; ++i) values[i] = value(rank, i);
    made.push_back(std::make_unique<DeviceArray<T>>(count, static_cast<int>(rank)));
    ok(cudaSetDevice(static_cast<int>(rank)));
    ok(cudaMemcpy(made.back()->get(), values.data(), made.back()->bytes(), cudaMemcpyHostToDevice));
    ok(cudaDeviceSynchronize());
  }
  ok(cudaSetDevice(0));
  return made;
}

template <class T>
std::vector<T> values_of(const DeviceArray<T>& array) {
  std::vector<T> values(array.size());
  ok(cudaMemcpy(values.data(), array.get(), array.bytes(), cudaMemcpyDeviceToHost));
  return values;
}

inline float sample(std::size_t rank, std::size_t i) {
  return static_cast<float>(i) + 100.0f * static_cast<float>(rank + 1);
}

class SimulatedNccl : public SimulatedRuntime {
 protected:
  SimulatedNccl() { restart_with({.devices = 4}); }
};

}  // namespace slipway::test::nccl
