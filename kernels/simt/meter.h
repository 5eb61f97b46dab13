#pragma once

#include <cstdint>
#include <vector>

#include "core/runtime/kernel_meter.h"
#include "kernels/simt/checker.h"

namespace slipway::simt {

struct KernelLaunch;

/// Of each instrumented kernel that ran with Settings::meter since the last clear_meter(), by name.
std::vector<KernelTraffic> meter();
void clear_meter();
/// Makes this the process's KernelMeter.
void register_meter();

// From the checker: a launch begins, the current thread makes an access, its block ends.
enum class Space : std::uint8_t { device, shared };
void meter_grid_begin(const KernelLaunch& launch);
void meter_access(Space space, const Access& access);
void meter_block_end();
/// Bytes that the launch has not read, or written, before. Of atomic updates the meter knows them by itself.
void meter_distinct(Effect effect, std::uint32_t bytes);

}  // namespace slipway::simt
