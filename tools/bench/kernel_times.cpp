#include "tools/bench/kernel_times.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <iomanip>
#include <memory>
#include <ostream>

#include "core/tensor/device_backend.h"
#include "kernels/matrix_product.h"

namespace slipway {
namespace {

using Clock = std::chrono::steady_clock;

/// Of `calls` calls one after another, until the device has done them.
double seconds_of(const Stream& stream, const std::function<void()>& call, std::int64_t calls) {
  DeviceBackend& device = device_backend(stream.device);
  device.synchronize(stream);
  const Clock::time_point start = Clock::now();
  for (std::int64_t i = 0; i < calls; ++i) call();
  device.synchronize(stream);
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Of one call: enough in a row that the host's own time doesn't count, the best of several such rows, as
/// other work only adds time.
double seconds_of_call(const Stream& stream, const std::function<void()>& call) {
  constexpr int kRows = 5;
  constexpr double kRowSeconds = 0.02;
  constexpr double kMostCalls = 1000;
  seconds_of(stream, call, 1);  // what is done only once
  const double first = seconds_of(stream, call, 1);
  const auto calls = static_cast<std::int64_t>(std::clamp(kRowSeconds / first, 1.0, kMostCalls));
  double best = first;
  for (int row = 0; row < kRows; ++row)
    best = std::min(best, seconds_of(stream, call, calls) / static_cast<double>(calls));
  return best;
}

double measure_copy(const Stream& stream) {
  DeviceBackend& device = device_backend(stream.device);
  const bool simulated = device.info(stream.device.index).simulated;
  const std::size_t bytes = std::size_t{simulated ? 1u : 512u} << 20;
  const Buffer from(stream.device, bytes), to(stream.device, bytes);
  device.zero(stream, from.data(), bytes);
  const double seconds = seconds_of_call(stream, [&] {
    device.copy(stream, {from.data(), to.data(), bytes});
  });
  return 2 * static_cast<double>(bytes) / seconds;
}

double measure_product(Stream stream, DType dtype, MatrixPrecision precision = MatrixPrecision::float32) {
  stream.matrix_precision = precision;
  CaseArrays arrays(stream);
  const std::int64_t edge = arrays.size(64, dtype == DType::float32 ? 4096 : 8192);
  const std::shared_ptr kernel =
      matrix_product(stream, {.dtype = dtype, .batch = 1, .rows = edge, .inner = edge, .columns = edge});
  const MatrixProductArgs args{.a = arrays.in(dtype, edge * edge),
                               .b = arrays.in(dtype, edge * edge),
                               .y = arrays.out(dtype, edge * edge),
                               .scratch = arrays.scratch_bytes(kernel->scratch_bytes())};
  const double seconds = seconds_of_call(stream, [&] { kernel->run(stream, args); });
  return 2 * std::pow(static_cast<double>(edge), 3) / seconds;
}

struct Rate {
  double per_second, best;
};
std::ostream& operator<<(std::ostream& out, const Rate& rate) {
  return out << rate.per_second << " | " << 100 * rate.per_second / rate.best << " %";
}

}  // namespace

double DeviceRates::operations_per_second(const KernelCase& what) const {
  if (what.precision == MatrixPrecision::tf32) return tf32_operations_per_second;
  return what.dtype == DType::float32 ? float32_operations_per_second : bfloat16_operations_per_second;
}

DeviceRates measure_device(const Stream& stream) {
  return {.copied_bytes_per_second = measure_copy(stream),
          .float32_operations_per_second = measure_product(stream, DType::float32),
          .tf32_operations_per_second = measure_product(stream, DType::float32, MatrixPrecision::tf32),
          .bfloat16_operations_per_second = measure_product(stream, DType::bfloat16)};
}

CaseTime time_case(const Stream& stream, const KernelCase& what) {
  CaseArrays arrays(what.on(stream));
  const std::function<void()> call = what.prepare(arrays);
  return {.what = what,
          .seconds = seconds_of_call(stream, call),
          .least_bytes = arrays.least_bytes(),
          .operations = arrays.operations()};
}

void write_times(std::ostream& out, const std::vector<CaseTime>& times, const DeviceRates& rates) {
  constexpr double kGiga = 1e9, kTera = 1e12;
  out << std::fixed << std::setprecision(1)
      << "Copy within the device: " << rates.copied_bytes_per_second / kGiga
      << " GB/s. Products of large matrices: " << rates.float32_operations_per_second / kTera
      << " TFLOP/s in float32, " << rates.tf32_operations_per_second / kTera << " in tf32, "
      << rates.bfloat16_operations_per_second / kTera << " in bfloat16.\n\n"
      << "| call | µs | GB/s | of the copy | TFLOP/s | of the product |\n"
         "| --- | ---: | ---: | ---: | ---: | ---: |\n";
  for (const CaseTime& time : times) {
    const std::string& what = time.what.what;
    const double moved = static_cast<double>(time.least_bytes) / time.seconds;
    out << "| " << time.what.slot << (what.empty() ? "" : ": ") << what << " | " << time.seconds * 1e6
        << " | " << Rate{moved / kGiga, rates.copied_bytes_per_second / kGiga} << " | ";
    if (time.operations == 0) {
      out << "- | - |\n";
      continue;
    }
    out << Rate{time.operations / time.seconds / kTera, rates.operations_per_second(time.what) / kTera}
        << " |\n";
  }
}

}  // namespace slipway
