#include "tools/bench/kernels.h"

#include <fstream>
#include <regex>

#include "core/runtime/tuner.h"
#include "core/tensor/device_backend.h"
#include "tools/bench/kernel_counts.h"
#include "tools/bench/kernel_times.h"

namespace slipway {
namespace {

std::vector<KernelCase> chosen_cases(const std::string& only) {
  std::vector<KernelCase> cases = kernel_cases();
  try {
    const std::regex expression(only);
    std::erase_if(cases, [&](const KernelCase& one) { return !std::regex_search(one.slot, expression); });
  } catch (const std::regex_error& error) {
    throw UserError(text("bench kernels: --only '", only, "' is no regular expression: ", error.what()));
  }
  require_user(!cases.empty(), "bench kernels: no kernel's name matches '", only, "'");
  return cases;
}

ResourceTable resources_of(const std::string& path) {
  if (path.empty()) return {};
  std::ifstream file(path);
  require_user(file.is_open(), "bench kernels: can't read '", path, "'");
  ResourceTable table = read_kernel_resources(file);
  require_user(!table.empty(), path, ": expected what `ptxas --verbose` prints, found no kernel");
  return table;
}

}  // namespace

void bench_kernels(std::ostream& out, const Stream& stream, const KernelBenchmark& benchmark) {
  require_user(!stream.device.is_host(), "bench kernels: expects a GPU, got --device cpu");
  const std::vector<KernelCase> cases = chosen_cases(benchmark.only);
  const ResourceTable resources = resources_of(benchmark.ptxas);
  Tuner tuner;
  tuner.prefer({Tuner::kOurs});
  Stream with_ours = stream;
  with_ours.tuner = &tuner;
  const bool simulated = device_backend(stream.device).info(stream.device.index).simulated;
  KernelMeter* const meter = find_kernel_meter();
  if (!simulated || !meter) {
    if (simulated) {
      out << to_string(stream.device)
          << " is simulated: these are times of the simulator. `tools/build.sh simulated-checked` makes a "
             "build "
             "that counts what kernels do to memory.\n\n";
    }
    std::vector<CaseTime> times;
    for (const KernelCase& one : cases) times.push_back(time_case(with_ours, one));
    return write_times(out, times, measure_device(stream));
  }
  std::vector<CaseCounts> counts;
  for (const KernelCase& one : cases) counts.push_back(count_case(with_ours, *meter, one));
  write_counts(out, counts, resources);
}

}  // namespace slipway
