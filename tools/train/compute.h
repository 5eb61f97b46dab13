#pragma once

#include <string>

#include "core/tensor/device.h"

namespace slipway {

/// The device that "auto", "cpu", "cuda" (the first) or "cuda:N" means here; "auto" is the first usable GPU
/// that is not simulated, else the CPU. A device that is not there, or can't be used, is a UserError that
/// says why.
Device choose_device(const std::string& name);
/// "cpu, 2 threads", "cuda:0 (NVIDIA A100)"
std::string describe(const Stream& stream);

/// Where a command computes: a device, with the queue that its stream needs.
class Compute {
 public:
  struct Options {
    std::string device = "auto";
    int threads = 1;
    bool deterministic = false;
    bool synchronous = false;
    MatrixPrecision matrix_precision = MatrixPrecision::float32;
    Tuner* tuner = nullptr;
  };
  explicit Compute(const Options& options);

  const Stream& stream() const { return stream_; }

 private:
  Queue queue_;
  Stream stream_;
};

}  // namespace slipway
