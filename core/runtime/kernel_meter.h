#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace slipway {

/// What all launches of one kernel did to memory, as a simulated GPU counts it. A request is what a warp's
/// lanes ask for with one instruction: the n-th time that each of them comes by it.
struct KernelTraffic {
  std::string kernel;  // as demangled_function() names it
  std::uint64_t launches = 0;
  std::uint32_t block_threads = 0;       // of the largest launch
  std::size_t dynamic_shared_bytes = 0;  // the same

  // Device memory, in bytes that instructions name, and in distinct bytes, which no kernel can do without. Of
  // atomic updates, which go where data say, these are distinct sectors: memory updates nothing smaller.
  std::uint64_t bytes_read = 0;
  std::uint64_t bytes_written = 0;
  std::uint64_t distinct_bytes_read = 0;
  std::uint64_t distinct_bytes_written = 0;
  // Device memory, in the 32-byte sectors that requests touch, and the fewest that hold as many bytes.
  std::uint64_t sectors = 0;
  std::uint64_t fewest_sectors = 0;
  // Sectors that move between a multiprocessor and the memory behind it: those that requests write, and those
  // that they read and a block's share of the cache does not hold.
  std::uint64_t moved_sectors = 0;
  // Shared memory: steps in which its 32 banks serve the requests, and the steps without any conflict.
  std::uint64_t bank_steps = 0;
  std::uint64_t fewest_bank_steps = 0;
  // Lanes that take part in a request, and lanes that the warps have.
  std::uint64_t lanes = 0;
  std::uint64_t lane_slots = 0;

  static constexpr std::uint64_t kSectorBytes = 32;

  std::uint64_t distinct_bytes() const { return distinct_bytes_read + distinct_bytes_written; }
  std::uint64_t moved_bytes() const { return moved_sectors * kSectorBytes; }
  double sector_use() const {
    return sectors ? static_cast<double>(fewest_sectors) / static_cast<double>(sectors) : 1;
  }
  /// 1: no conflicts; 32: each request is served lane by lane.
  double bank_ways() const {
    return fewest_bank_steps ? static_cast<double>(bank_steps) / static_cast<double>(fewest_bank_steps) : 1;
  }
  /// The share of lanes that stand idle while others of their warp access memory.
  double divergence() const {
    return lane_slots ? 1 - static_cast<double>(lanes) / static_cast<double>(lane_slots) : 0;
  }
};

/// Counts what kernels do to memory, where a device can: simulated GPUs that check every access.
class KernelMeter {
 public:
  /// Counts from here on, from nothing.
  virtual void start() = 0;
  /// What each kernel that ran since has done, by name.
  virtual std::vector<KernelTraffic> stop() = 0;

 protected:
  ~KernelMeter() = default;
};

/// Null if this build has none.
KernelMeter* find_kernel_meter();

/// `const KernelMeterRegistrar registered(meter);`
struct KernelMeterRegistrar {
  explicit KernelMeterRegistrar(KernelMeter& meter);
};

}  // namespace slipway
