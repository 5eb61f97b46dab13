#pragma once

#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "core/base/dtype.h"
#include "core/tensor/device.h"

namespace slipway::test {

/// One array of a kernel's arguments. Values are given as double, whatever the dtype.
struct KernelArray {
  enum class Use { read, written, scratch };
  enum class Type { tested, accumulator, fixed };

  std::vector<double> values;  // before the call
  Use use = Use::read;
  Type type = Type::tested;  // the dtype under test, its accumulator, or always `dtype`
  DType dtype = DType::float32;

  KernelArray as(DType fixed) const;
  KernelArray as_accumulator() const;
};
KernelArray reads(std::vector<double> values);
/// Written, and compared: what a kernel leaves untouched must be untouched on both sides.
KernelArray writes(std::int64_t count);
KernelArray updates(std::vector<double> values);
KernelArray scratch(std::int64_t count, DType dtype);

/// Where the arrays of one call lie, in their order.
class KernelPointers {
 public:
  explicit KernelPointers(std::vector<void*> places) : places_(std::move(places)) {}
  void* operator[](std::size_t i) const { return places_[i]; }
  template <class T>
  T* as(std::size_t i) const {
    return static_cast<T*>(places_[i]);
  }

 private:
  std::vector<void*> places_;
};
using KernelCall = std::function<void(const Stream&, DType, const KernelPointers&)>;

struct Agreement {
  /// Errors may be so many epsilons of the dtype, relative to the expected value or to `magnitude`, whichever
  /// is greater.
  double epsilons = 4;
  double magnitude = 0;
  std::vector<DType> dtypes = {DType::float32, DType::float64, DType::float16, DType::bfloat16};
};

/// Expects that a GPU computes what the CPU does, in each dtype: from the same values, for 16 bits with the
/// CPU in float32. It is called twice there, the second time with arrays, but scratch, that begin at odd
/// elements.
void expect_agreement(const std::vector<KernelArray>& arrays, const KernelCall& call, const Agreement& = {});

/// Uniform in [low, high).
std::vector<double> random_values(std::int64_t count, std::uint64_t seed, double low = -2, double high = 2);
/// Uniform integers in [low, high].
std::vector<double> random_integers(std::int64_t count, std::uint64_t seed, std::int64_t low,
                                    std::int64_t high);

/// Counts around the sizes at which kernels change their ways.
inline constexpr std::int64_t kAwkwardCounts[] = {0, 1, 31, 33, 127, 1024, 2053};

}  // namespace slipway::test
