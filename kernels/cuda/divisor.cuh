#pragma once

#include "core/base/error.h"
#include "kernels/cuda/elements.cuh"

namespace slipway::cuda {

/// Division of any n >= 0 by a constant in [1, 2^62] as a multiplication and two shifts (Granlund and
/// Montgomery, 1994): an index has 64 bits, and a GPU divides those slowly.
class Divisor {
 public:
  Divisor() = default;
  explicit Divisor(std::int64_t divisor) : divisor_(divisor) {
    require(divisor >= 1 && divisor <= (std::int64_t{1} << 62), "a divisor must be in [1, 2^62], got ",
            divisor);
    int bits = 0;
    while ((std::int64_t{1} << bits) < divisor) ++bits;
    const auto d = static_cast<unsigned __int128>(divisor);
    const unsigned __int128 excess = (static_cast<unsigned __int128>(1) << bits) - d;
    multiplier_ = static_cast<std::uint64_t>((excess << 64) / d + 1);
    first_shift_ = bits > 0 ? 1 : 0;
    second_shift_ = bits > 0 ? bits - 1 : 0;
  }

  __device__ std::int64_t divisor() const { return divisor_; }
  __device__ std::int64_t quotient(std::int64_t n) const {
    const auto value = static_cast<std::uint64_t>(n);
    const std::uint64_t high = __umul64hi(multiplier_, value);
    return static_cast<std::int64_t>((high + ((value - high) >> first_shift_)) >> second_shift_);
  }
  /// Given the quotient of n.
  __device__ std::int64_t remainder(std::int64_t n, std::int64_t quotient) const {
    return n - quotient * divisor_;
  }
  __device__ std::int64_t remainder(std::int64_t n) const { return remainder(n, quotient(n)); }

 private:
  std::int64_t divisor_ = 1;
  std::uint64_t multiplier_ = 1;
  int first_shift_ = 0;
  int second_shift_ = 0;
};

}  // namespace slipway::cuda
