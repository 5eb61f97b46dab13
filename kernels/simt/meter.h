#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/simt/checker.h"

namespace slipway::simt {

/// What all launches of one kernel did to memory. A request is what a warp's lanes ask for with one
/// instruction: the n-th time that each of them comes by it.
struct Traffic {
  std::string kernel;
  std::uint64_t launches = 0;

  // Device memory, in bytes that instructions name, and in distinct bytes, which no kernel can do without.
  std::uint64_t bytes_read = 0;
  std::uint64_t bytes_written = 0;
  std::uint64_t distinct_bytes_read = 0;
  std::uint64_t distinct_bytes_written = 0;
  // Device memory, in the 32-byte sectors that requests touch, and the fewest that hold as many bytes.
  std::uint64_t sectors = 0;
  std::uint64_t fewest_sectors = 0;
  // Shared memory: steps in which its 32 banks serve the requests, and the steps without any conflict.
  std::uint64_t bank_steps = 0;
  std::uint64_t fewest_bank_steps = 0;
  // Lanes that take part in a request, and lanes that the warps have.
  std::uint64_t lanes = 0;
  std::uint64_t lane_slots = 0;

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

/// Of each instrumented kernel that ran with Settings::meter since the last clear_meter(), by name.
std::vector<Traffic> meter();
void clear_meter();

// From the checker: a launch begins, the current thread makes an access, its block ends.
enum class Space : std::uint8_t { device, shared };
void meter_grid_begin(const void* function);
void meter_access(Space space, const Access& access);
void meter_block_end();
/// Bytes that the launch has not read, or written, before.
void meter_distinct(Effect effect, std::uint32_t bytes);

}  // namespace slipway::simt
