#pragma once

#include <string>

#include "core/tensor/device.h"

namespace slipway {

/// Which of the ranks of this machine a process is.
struct LocalRank {
  int rank = 0;
  int ranks = 1;
};

/// The device that "auto", "cpu", "cuda" or "cuda:N" means here. "cuda" is the first one, or of several ranks
/// each one's own: the n-th of rank n of the machine. "auto" is the same where there is a usable GPU that is
/// not simulated, else the CPU. A device that is not there, or can't be used, is a UserError that says why.
Device choose_device(const std::string& name, LocalRank local = {});
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
    LocalRank local = {};
  };
  explicit Compute(const Options& options);

  const Stream& stream() const { return stream_; }

 private:
  Queue queue_;
  Stream stream_;
};

}  // namespace slipway
