#pragma once

#include <iosfwd>
#include <vector>

#include "core/runtime/kernel_meter.h"
#include "tools/bench/kernel_case.h"
#include "tools/bench/kernel_resources.h"

namespace slipway {

/// What the kernels of one case did, as a simulated GPU counts it.
struct CaseCounts {
  KernelCase what;
  std::size_t least_bytes = 0;
  double operations = 0;
  std::vector<KernelTraffic> kernels;
};

/// Runs a case on a simulated GPU.
CaseCounts count_case(const Stream& stream, KernelMeter& meter, const KernelCase& what);

/// What kernels should reach.
struct KernelTargets {
  static constexpr double kMoved = 1.05;      // bytes moved over bytes needed, where memory limits
  static constexpr double kSectorUse = 0.95;  // the same
  static constexpr double kBankWays = 1;
};
/// A kernel that moves fewer bytes in all is over before memory could limit it: its launch does.
inline constexpr std::uint64_t kFewBytes = 4096;
/// Whether a kernel of the case misses one. Of how it moves memory only those are judged that memory limits
/// and that move more than a twentieth of what the case moves.
bool misses(const CaseCounts& counts, const KernelTraffic& kernel);

/// A table in Markdown, the misses with their reasons, what ptxas says of all kernels, and which of them no
/// case runs.
void write_counts(std::ostream& out, const std::vector<CaseCounts>& counts, const ResourceTable& resources);

}  // namespace slipway
