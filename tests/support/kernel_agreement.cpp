#include "tests/support/kernel_agreement.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/base/random.h"
#include "core/tensor/device_backend.h"
#include "core/tensor/element.h"
#include "tests/support/cuda_device.h"

namespace slipway::test {
namespace {

double epsilon(DType dtype) {
  switch (dtype) {
    case DType::float32:
      return 0x1p-23;
    case DType::float64:
      return 0x1p-52;
    case DType::float16:
      return 0x1p-10;
    case DType::bfloat16:
      return 0x1p-7;
    default:
      return 0;
  }
}

/// The value as the dtype holds it.
double rounded(double value, DType dtype) {
  std::byte bytes[8];
  store_element(bytes, dtype, value);
  return load_element(bytes, dtype);
}

DType dtype_in(const KernelArray& array, DType tested) {
  switch (array.type) {
    case KernelArray::Type::tested:
      return tested;
    case KernelArray::Type::accumulator:
      return accumulator_of(tested);
    case KernelArray::Type::fixed:
      return array.dtype;
  }
  return tested;
}

/// The arrays of one call on one device, each `offset` elements behind an aligned place; scratch is always
/// aligned.
class Arguments {
 public:
  Arguments(const std::vector<KernelArray>& arrays, DType tested, Device device, std::size_t offset)
      : stream_{.device = device} {
    for (const KernelArray& array : arrays) {
      // The CPU computes 16-bit values in float32: it gets what they hold.
      const DType held = dtype_in(array, tested);
      const DType dtype = device.kind == DeviceKind::cpu ? accumulator_of(held) : held;
      const std::size_t skipped = array.use == KernelArray::Use::scratch ? 0 : offset;
      std::vector<std::byte> bytes((array.values.size() + skipped) * size_of(dtype));
      for (std::size_t i = 0; i < array.values.size(); ++i) {
        store_element(bytes.data() + (i + skipped) * size_of(dtype), dtype, rounded(array.values[i], held));
      }
      Buffer buffer(device, std::max<std::size_t>(1, bytes.size()));
      device_backend(device).upload(stream_, {bytes.data(), buffer.data(), bytes.size()});
      dtypes_.push_back(dtype);
      offsets_.push_back(skipped);
      buffers_.push_back(std::move(buffer));
    }
  }
  const Stream& stream() const { return stream_; }
  KernelPointers pointers() const {
    std::vector<void*> places;
    for (std::size_t i = 0; i < buffers_.size(); ++i)
      places.push_back(buffers_[i].data() + offsets_[i] * size_of(dtypes_[i]));
    return KernelPointers(std::move(places));
  }
  std::vector<double> values(std::size_t array, std::size_t count) const {
    const DType dtype = dtypes_[array];
    const std::size_t skipped = offsets_[array];
    std::vector<std::byte> bytes((count + skipped) * size_of(dtype));
    device_backend(stream_.device).download(stream_, {buffers_[array].data(), bytes.data(), bytes.size()});
    std::vector<double> result;
    for (std::size_t i = 0; i < count; ++i)
      result.push_back(load_element(bytes.data() + (i + skipped) * size_of(dtype), dtype));
    return result;
  }

 private:
  Stream stream_;
  std::vector<DType> dtypes_;
  std::vector<std::size_t> offsets_;
  std::vector<Buffer> buffers_;
};

bool close(double actual, double expected, double epsilon, const Agreement& agreement) {
  if (std::isnan(expected)) return std::isnan(actual);
  if (actual == expected) return true;
  const double magnitude = std::max(std::abs(expected), agreement.magnitude);
  return std::abs(actual - expected) <= agreement.epsilons * epsilon * magnitude;
}

}  // namespace

KernelArray KernelArray::as(DType fixed) const {
  KernelArray array = *this;
  array.type = Type::fixed;
  array.dtype = fixed;
  return array;
}
KernelArray KernelArray::as_accumulator() const {
  KernelArray array = *this;
  array.type = Type::accumulator;
  return array;
}

KernelArray reads(std::vector<double> values) { return {.values = std::move(values)}; }
KernelArray writes(std::int64_t count) {
  constexpr double kUntouched = 77;
  return updates(std::vector<double>(static_cast<std::size_t>(count), kUntouched));
}
KernelArray updates(std::vector<double> values) {
  return {.values = std::move(values), .use = KernelArray::Use::written};
}
KernelArray scratch(std::int64_t count, DType dtype) {
  KernelArray array = writes(count).as(dtype);
  array.use = KernelArray::Use::scratch;
  return array;
}

void expect_agreement(const std::vector<KernelArray>& arrays, const KernelCall& call,
                      const Agreement& agreement) {
  const std::optional<Device> gpu = find_cuda_device();
  if (!gpu) GTEST_SKIP() << "there is no CUDA device";
  for (const DType dtype : agreement.dtypes) {
    const Arguments host(arrays, dtype, Device{}, 0);
    call(host.stream(), accumulator_of(dtype), host.pointers());
    for (const std::size_t offset : {0, 1}) {
      const Arguments device(arrays, dtype, *gpu, offset);
      call(device.stream(), dtype, device.pointers());
      for (std::size_t i = 0; i < arrays.size(); ++i) {
        if (arrays[i].use != KernelArray::Use::written) continue;
        const std::size_t count = arrays[i].values.size();
        const std::vector<double> expected = host.values(i, count), actual = device.values(i, count);
        const DType held = dtype_in(arrays[i], dtype);
        for (std::size_t k = 0; k < count; ++k) {
          ASSERT_TRUE(close(actual[k], rounded(expected[k], held), epsilon(held), agreement))
              << dtype << ", array " << i << " of " << count << ", element " << k << ", offset " << offset
              << ": got " << actual[k] << ", expected " << expected[k];
        }
      }
    }
  }
}

std::vector<double> random_values(std::int64_t count, std::uint64_t seed, double low, double high) {
  RandomSequence random(Philox{.key = seed});
  std::vector<double> values;
  for (std::int64_t i = 0; i < count; ++i) values.push_back(random.uniform(low, high));
  return values;
}

std::vector<double> random_integers(std::int64_t count, std::uint64_t seed, std::int64_t low,
                                    std::int64_t high) {
  RandomSequence random(Philox{.key = seed});
  std::vector<double> values;
  for (std::int64_t i = 0; i < count; ++i)
    values.push_back(static_cast<double>(
        low + static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(high - low + 1)))));
  return values;
}

}  // namespace slipway::test
