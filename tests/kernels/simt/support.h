#pragma once

#include <cstddef>
#include <cstring>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "kernels/cuda/simt.cuh"
#include "kernels/simt/arena.h"
#include "kernels/simt/report.h"
#include "kernels/simt/settings.h"
#include "tests/kernels/simt/mistake.h"

namespace slipway::test {

/// An array in the memory of a simulated GPU.
template <class T>
class DeviceArray {
 public:
  /// Holds what nobody has written.
  explicit DeviceArray(std::size_t count, int device = 0)
      : count_(count), data_(static_cast<T*>(simt::allocate(device, count * sizeof(T)))) {
    require(data_ != nullptr, "no simulated memory for ", count * sizeof(T), " bytes");
  }
  explicit DeviceArray(const std::vector<T>& values, int device = 0) : DeviceArray(values.size(), device) {
    std::memcpy(data_, values.data(), count_ * sizeof(T));
    simt::mark_initialised(data_, count_ * sizeof(T));
  }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;
  ~DeviceArray() { free(); }

  /// Gives the memory back early; data() dangles from then on.
  void free() {
    if (!std::exchange(freed_, true)) simt::release(data_);
  }
  T* data() const { return data_; }
  std::vector<T> values() const { return {data_, data_ + count_}; }

 private:
  std::size_t count_;
  T* data_;
  bool freed_ = false;
};

/// A stream of the first simulated GPU.
class TestStream {
 public:
  TestStream();
  ~TestStream();
  TestStream(const TestStream&) = delete;
  TestStream& operator=(const TestStream&) = delete;

  const Stream& get() const { return stream_; }
  void synchronize() const;

 private:
  Stream stream_{.device = {DeviceKind::cuda, 0}};
};

/// Launches on the first simulated GPU, and waits.
template <class... Parameters, class... Arguments>
void run(const cuda::LaunchShape& shape, void (*kernel)(Parameters...), Arguments... arguments) {
  const TestStream stream;
  cuda::launch(stream.get(), shape, kernel, arguments...);
  stream.synchronize();
}

/// Settings that last as long as this does; findings are collected meanwhile.
class WithSettings {
 public:
  explicit WithSettings(simt::Settings settings);
  ~WithSettings();
  WithSettings(const WithSettings&) = delete;
  WithSettings& operator=(const WithSettings&) = delete;

 private:
  simt::Settings before_ = simt::settings();
};

/// Runs `kernels` in ascending, descending and ten seeded orders: the checker must have nothing to say.
void expect_silent(const std::function<void()>& kernels);

/// Runs `kernels` in the same orders: each time the mistake must be found, with its file and line.
void expect_found(Mistake mistake, const std::function<void()>& kernels);

/// `count` numbers between -1 and 1 that look random.
std::vector<float> noise(std::size_t count, unsigned seed = 1);
std::vector<float> zeros(std::size_t count);

}  // namespace slipway::test
