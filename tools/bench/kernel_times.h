#pragma once

#include <iosfwd>
#include <vector>

#include "tools/bench/kernel_case.h"

namespace slipway {

/// What a device can do at best, measured by what its vendor made for that.
struct DeviceRates {
  double copied_bytes_per_second = 0;        // of a copy within its memory, read and written
  double float32_operations_per_second = 0;  // of large matrices, by cuBLASLt where the build has it
  double tf32_operations_per_second = 0;
  double bfloat16_operations_per_second = 0;

  /// Of what a case multiplies.
  double operations_per_second(const KernelCase& what) const;
};
DeviceRates measure_device(const Stream& stream);

/// The time of one case.
struct CaseTime {
  KernelCase what;
  double seconds = 0;  // of a call, among many
  std::size_t least_bytes = 0;
  double operations = 0;
};
CaseTime time_case(const Stream& stream, const KernelCase& what);

/// A table in Markdown: time, rates, and their share of what the device can do.
void write_times(std::ostream& out, const std::vector<CaseTime>& times, const DeviceRates& rates);

}  // namespace slipway
