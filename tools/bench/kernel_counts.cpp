#include "tools/bench/kernel_counts.h"

#include <algorithm>
#include <iomanip>
#include <map>
#include <numeric>
#include <ostream>
#include <set>
#include <sstream>

#include "core/tensor/device_backend.h"

namespace slipway {
namespace {

std::uint64_t moved_bytes(const CaseCounts& counts) {
  return std::accumulate(
      counts.kernels.begin(), counts.kernels.end(), std::uint64_t{0},
      [](std::uint64_t sum, const KernelTraffic& kernel) { return sum + kernel.moved_bytes(); });
}

double ratio(std::uint64_t bytes, std::uint64_t needed) {
  return needed ? static_cast<double>(bytes) / static_cast<double>(needed) : 1;
}

std::string fixed(double value, int digits) {
  std::ostringstream out;
  out << std::fixed << std::setprecision(digits) << value;
  return out.str();
}
std::string percent(double share) { return fixed(100 * share, 0) + " %"; }

/// Without namespaces and template arguments.
std::string short_name(const std::string& kernel) {
  const std::string name = kernel.substr(0, kernel.find('<'));
  const auto at = name.rfind("::");
  return at == std::string::npos ? name : name.substr(at + 2);
}

std::string resource_cells(const KernelTraffic& kernel, const ResourceTable& resources) {
  const auto found = resources.find(kernel.kernel);
  if (found == resources.end()) return " - | - | - |";
  const KernelResources& own = found->second;
  const std::string dynamic =
      kernel.dynamic_shared_bytes ? text(" + ", kernel.dynamic_shared_bytes) : std::string();
  return text(" ", own.registers, " | ", own.spilled_bytes, " | ", own.static_shared_bytes, dynamic, " |");
}

/// Why the targets of memory don't apply to a kernel, if that is so whatever else its case moves.
std::string exemption(const CaseCounts& counts, const KernelTraffic& kernel) {
  if (counts.operations > 0) return " (a)";
  return kernel.moved_bytes() < kFewBytes ? " (b)" : "";
}

void write_row(std::ostream& out, const CaseCounts& counts, const KernelTraffic& kernel,
               const ResourceTable& resources) {
  const bool first = &kernel == &counts.kernels.front();
  const std::string call = first ? fixed(ratio(moved_bytes(counts), counts.least_bytes), 2) : "";
  out << "| " << (first ? text(counts.what.slot, counts.what.what.empty() ? "" : ": ", counts.what.what) : "")
      << " | " << short_name(kernel.kernel) << (misses(counts, kernel) ? " \\*" : "") << " | "
      << kernel.block_threads << " |" << resource_cells(kernel, resources) << ' '
      << fixed(ratio(kernel.moved_bytes(), kernel.distinct_bytes()), 2) << exemption(counts, kernel) << " | "
      << call << " | " << percent(kernel.sector_use()) << " | "
      << (kernel.bank_steps ? fixed(kernel.bank_ways(), 2) : "-") << " | " << percent(kernel.divergence())
      << " |\n";
}

void write_misses(std::ostream& out, const std::vector<CaseCounts>& counts) {
  std::map<std::string, std::set<std::string>> by_reason;
  for (const CaseCounts& one : counts) {
    for (const KernelTraffic& kernel : one.kernels) {
      if (misses(one, kernel)) by_reason[one.what.note].insert(short_name(kernel.kernel));
    }
  }
  if (by_reason.empty()) {
    out << "\nNo kernel misses a target.\n";
    return;
  }
  out << "\nMisses (\\*):\n\n";
  for (const auto& [reason, kernels] : by_reason) {
    std::string names;
    for (const std::string& name : kernels) names += (names.empty() ? "" : ", ") + name;
    out << "- " << names << ": " << (reason.empty() ? "not explained." : reason) << '\n';
  }
}

void write_compiled(std::ostream& out, const std::vector<CaseCounts>& counts,
                    const ResourceTable& resources) {
  std::set<std::string> run, compiled;
  for (const CaseCounts& one : counts) {
    for (const KernelTraffic& kernel : one.kernels) run.insert(short_name(kernel.kernel));
  }
  int most_registers = 0, spilling = 0;
  for (const auto& [name, own] : resources) {
    compiled.insert(short_name(name));
    most_registers = std::max(most_registers, own.registers);
    spilling += own.spilled_bytes > 0 ? 1 : 0;
  }
  out << "\nCompiled: " << compiled.size() << " kernels in " << resources.size()
      << " instances for their types and functions; " << spilling
      << " of these spill registers, none needs more than " << most_registers << " of them.\n";
  std::string missing;
  for (const std::string& name : compiled) {
    if (!run.contains(name)) missing += (missing.empty() ? "" : ", ") + name;
  }
  if (!missing.empty()) out << "\nNot in the table: " << missing << ".\n";
}

}  // namespace

CaseCounts count_case(const Stream& stream, KernelMeter& meter, const KernelCase& what) {
  CaseArrays arrays(what.on(stream));
  const std::function<void()> call = what.prepare(arrays);
  device_backend(stream.device).synchronize(stream);
  meter.start();
  call();
  device_backend(stream.device).synchronize(stream);
  return {.what = what,
          .least_bytes = arrays.least_bytes(),
          .operations = arrays.operations(),
          .kernels = meter.stop()};
}

bool misses(const CaseCounts& counts, const KernelTraffic& kernel) {
  if (kernel.bank_ways() > KernelTargets::kBankWays) return true;
  constexpr std::uint64_t kSmallShare = 20;
  if (!exemption(counts, kernel).empty() || kernel.moved_bytes() * kSmallShare < moved_bytes(counts)) {
    return false;
  }
  return ratio(kernel.moved_bytes(), kernel.distinct_bytes()) > KernelTargets::kMoved ||
         kernel.sector_use() < KernelTargets::kSectorUse;
}

void write_counts(std::ostream& out, const std::vector<CaseCounts>& counts, const ResourceTable& resources) {
  out << "| call | kernel | threads | registers | spilled | shared memory | moved | by the call | sectors | "
         "banks | "
         "idle |\n"
         "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n";
  for (const CaseCounts& one : counts) {
    for (const KernelTraffic& kernel : one.kernels) write_row(out, one, kernel, resources);
  }
  write_misses(out, counts);
  if (!resources.empty()) write_compiled(out, counts, resources);
}

}  // namespace slipway
