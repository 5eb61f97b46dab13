#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "core/base/random.h"
#include "core/runtime/tuner.h"
#include "core/tensor/device_backend.h"
#include "core/tensor/tensor.h"

/// What the tests of matrix products and of convolutions have in common: kernels on the device, by our own
/// means and by the vendor's libraries, against the CPU's in float64 on the same values.
namespace slipway::test::products {

inline constexpr Device kDevice{DeviceKind::cuda, 0};
inline constexpr DType kDTypes[] = {DType::float32, DType::float64, DType::float16, DType::bfloat16};

/// As what factors are stored and multiplied.
struct Format {
  DType dtype;
  MatrixPrecision precision = MatrixPrecision::float32;
};
inline constexpr Format kTf32{DType::float32, MatrixPrecision::tf32};

/// Values that the dtype represents exactly, in [-1, 1].
inline Tensor random_tensor(DType dtype, const Shape& shape, std::uint64_t seed) {
  Tensor values(DType::float32, shape);
  RandomSequence random(Philox{.key = seed});
  for (float& value : values.as<float>()) value = static_cast<float>(random.uniform(-1, 1));
  return values.cast(dtype);
}

/// The nearest values of 11 binary digits, ties away from zero: what factors are in TF32.
inline Tensor rounded_to_tf32(const Tensor& values) {
  Tensor rounded = values.cast(DType::float64);
  for (double& value : rounded.as<double>()) {
    int exponent = 0;
    const double fraction = std::frexp(value, &exponent);  // in [1/2, 1)
    value = std::ldexp(std::round(std::ldexp(fraction, 11)), exponent - 11);
  }
  return rounded;
}

inline double epsilon(DType dtype) {
  switch (dtype) {
    case DType::float64:
      return 0x1p-52;
    case DType::float16:
      return 0x1p-10;
    case DType::bfloat16:
      return 0x1p-7;
    default:
      return 0x1p-23;
  }
}

/// A sum of `terms` products of values up to 1 is off by the rounding of its additions, in float32 for 16-bit
/// factors, and by that of the result.
inline void expect_close(const Tensor& actual, const Tensor& expected, std::int64_t terms,
                         const std::string& what) {
  const DType dtype = actual.dtype();
  const double magnitude = std::sqrt(static_cast<double>(terms)) + 1;
  const double of_sum = (dtype == DType::float64 ? 0x1p-52 : 0x1p-23) * static_cast<double>(terms + 1);
  const Tensor values = actual.cast(DType::float64);
  ASSERT_EQ(values.shape(), expected.shape()) << what;
  for (std::int64_t i = 0; i < values.elements(); ++i) {
    const double a = values.as<double>()[static_cast<std::size_t>(i)];
    const double b = expected.as<double>()[static_cast<std::size_t>(i)];
    ASSERT_LE(std::abs(a - b), of_sum + epsilon(dtype) * (std::abs(b) + 0.01 * magnitude))
        << what << ", element " << i;
  }
}

/// Names of implementations, in order of preference.
using Names = std::vector<std::string>;
inline const Names kOurs{Tuner::kOurs};

/// The tuner that prefers them.
class Preferring : public Tuner {
 public:
  explicit Preferring(const Names& names) { prefer(names); }

  /// Expects that a library was chosen wherever there was a choice. Only a simulated one is known to have
  /// all.
  void expect_library(std::size_t kernels, const std::string& what) const {
    if (!device_backend(kDevice).info(0).simulated) return;
    EXPECT_EQ(choices().size(), kernels) << what;
    for (const auto& [key, choice] : choices()) EXPECT_NE(choice, Tuner::kOurs) << key;
  }
};

/// One kernel's run on a device: inputs are taken there, outputs come back.
class DeviceRun {
 public:
  explicit DeviceRun(Device device, Tuner* tuner = nullptr,
                     MatrixPrecision precision = MatrixPrecision::float32)
      : device_(device),
        queue_(device),
        stream_{.device = device, .native = queue_.native(), .tuner = tuner, .matrix_precision = precision} {}
  const Stream& stream() const { return stream_; }
  /// Takes a factor there, as the device multiplies it: the host has it in float64 and rounded beforehand.
  const void* factor(const Tensor& host) {
    if (!device_.is_host()) return in(host);
    return in(stream_.matrix_precision == MatrixPrecision::tf32 ? rounded_to_tf32(host)
                                                                : host.cast(DType::float64));
  }
  const void* in(const Tensor& host) {
    kept_.push_back(host.to(device_));
    return kept_.back().view().data;
  }
  Tensor out(DType dtype, const Shape& shape) const { return Tensor(dtype, shape, device_); }
  std::byte* scratch(std::size_t bytes) {
    kept_.emplace_back(DType::uint8, Shape{static_cast<std::int64_t>(bytes)}, device_);
    return kept_.back().view().data;
  }
  Tensor result(const Tensor& output) const { return output.to(Device{}); }

 private:
  Device device_;
  Queue queue_;
  Stream stream_;
  std::vector<Tensor> kept_;
};

struct Results {
  Tensor y, dx, dweight, dbias;
};

}  // namespace slipway::test::products
