#pragma once

#include <functional>

#include "core/comm/device_ranks.h"
#include "tests/kernels/simt/runtime/support.h"
#include "tests/support/local_ranks.h"
#include "tools/train/compute.h"

namespace slipway::test {

/// One of several ranks, each a thread with a simulated device of its own.
struct DeviceRank {
  Communicator& host;   // connects the threads
  Communicator& ranks;  // connects the devices as well
  const Stream& stream;
};

inline constexpr std::chrono::milliseconds kPatience{60'000};

inline void run_on_device_ranks(int count, const std::function<void(const DeviceRank&)>& body,
                                std::chrono::milliseconds timeout = kPatience) {
  run_on_ranks(count, [&](Communicator& host) {
    const Compute compute({.device = "cuda", .local = {.rank = host.rank(), .ranks = count}});
    const auto ranks = connect_devices(host, compute.stream().device, timeout);
    body({host, *ranks, compute.stream()});
  });
}

/// Four devices.
class CudaRanksTest : public SimulatedRuntime {
 protected:
  CudaRanksTest() { restart(1); }
  static void restart(std::uint64_t seed) { restart_with({.seed = seed, .devices = 4}); }
  static void expect_no_findings() { EXPECT_EQ(count_findings(), 0u) << finding_texts(); }
};

}  // namespace slipway::test
