#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace slipway {

class Tuner;

enum class DeviceKind : std::uint8_t { cpu, cuda };
inline constexpr int kDeviceKinds = 2;

/// A place where tensors live and kernels run.
struct Device {
  DeviceKind kind = DeviceKind::cpu;
  int index = 0;

  bool is_host() const { return kind == DeviceKind::cpu; }
  friend bool operator==(const Device&, const Device&) = default;
};
/// "cpu", "cuda:0"
std::string to_string(Device device);

/// How matrix products and convolutions of float32 values may be computed.
enum class MatrixPrecision : std::uint8_t {
  float32,
  tf32  // factors may be rounded to 10 bits of mantissa (NVIDIA's TensorFloat-32), sums stay float32
};

/// In-order queue of work on one device. On the CPU work is done at once by `threads` threads.
struct Stream {
  Device device;
  int threads = 1;
  bool deterministic = false;  // the same bits for every thread count
  bool synchronous = false;    // wait for each op of a graph, so that an error of its kernels names it
  void* native = nullptr;      // of a Queue; null: the device's default one
  Tuner* tuner = nullptr;      // measures and remembers choices; none: fixed ones
  MatrixPrecision matrix_precision = MatrixPrecision::float32;
};

/// Owns the queue behind a Stream; the CPU needs none.
class Queue {
 public:
  explicit Queue(Device device = {});
  ~Queue();
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;

  Device device() const { return device_; }
  void* native() const { return native_; }

 private:
  Device device_;
  void* native_ = nullptr;
};

/// Bytes of one device, 64-byte aligned, freed with the last owner. Contents start undefined.
class Buffer {
 public:
  Buffer() = default;
  Buffer(Device device, std::size_t bytes);

  std::byte* data() const { return data_.get(); }
  std::size_t bytes() const { return bytes_; }
  Device device() const { return device_; }

 private:
  Device device_;
  std::size_t bytes_ = 0;
  std::shared_ptr<std::byte> data_;
};

}  // namespace slipway
