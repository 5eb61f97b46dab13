#include "kernels/simt/launch.h"

#include <omp.h>

#include <algorithm>
#include <atomic>
#include <numeric>
#include <random>
#include <utility>
#include <vector>

#include "core/base/error.h"
#include "kernels/simt/block.h"
#include "kernels/simt/checker.h"
#include "kernels/simt/settings.h"
#include "kernels/simt/symbols.h"

namespace slipway::simt {
namespace {

// Below this many threads a grid is done before other OS threads have woken up.
constexpr std::uint64_t kSpreadThreads = 1 << 14;
// Each engine reserves the stacks of a block, and the number of mappings of a process is bounded.
constexpr int kMaxWorkers = 16;

std::atomic<std::uint64_t> launches{0};

int worker_count(std::uint64_t blocks, std::uint64_t threads) {
  const Settings& settings = simt::settings();
  if (settings.order != Order::ascending || checking() || threads < kSpreadThreads || omp_in_parallel())
    return 1;
  const int wanted = settings.threads ? settings.threads : omp_get_max_threads();
  return static_cast<int>(std::min<std::uint64_t>(std::min(wanted, kMaxWorkers), blocks));
}

std::vector<std::uint32_t> block_order(std::uint32_t blocks, std::uint64_t number) {
  const Settings& settings = simt::settings();
  if (settings.order == Order::ascending) return {};
  std::vector<std::uint32_t> order(blocks);
  std::iota(order.begin(), order.end(), 0u);
  if (settings.order == Order::descending) std::reverse(order.begin(), order.end());
  if (settings.order == Order::seeded) {
    std::shuffle(order.begin(), order.end(), std::mt19937_64(settings.seed * 0x9E3779B97F4A7C15u + number));
  }
  return order;
}

}  // namespace

Settings& settings() {
  static Settings instance;
  return instance;
}

std::function<void()> thread_body(std::shared_ptr<const void> body, void (*call)(const void*)) {
  return [body = std::move(body), call] { call(body.get()); };
}

void require_valid(const KernelLaunch& launch) {
  const auto name = [&] { return function_name(launch.function); };
  const std::uint64_t threads = std::uint64_t{launch.block.x} * launch.block.y * launch.block.z;
  require(threads >= 1 && threads <= kMaxThreads && launch.block.z <= 64, name(), ": a block of ",
          launch.block.x, " x ", launch.block.y, " x ", launch.block.z, " threads, expected 1 to ",
          kMaxThreads, ", z at most 64");
  require(launch.grid.x >= 1 && launch.grid.y >= 1 && launch.grid.z >= 1 && launch.grid.x <= 0x7fffffffu &&
              launch.grid.y <= 0xffffu && launch.grid.z <= 0xffffu,
          name(), ": a grid of ", launch.grid.x, " x ", launch.grid.y, " x ", launch.grid.z,
          " blocks, expected at least 1 each and at most 2^31 - 1 x 65535 x 65535");
  require(launch.shared_bytes <= kMaxSharedBytes, name(), ": ", launch.shared_bytes,
          " bytes of dynamic shared memory, expected at most ", kMaxSharedBytes);
}

void run_grid(const KernelLaunch& launch, int device) {
  require_valid(launch);
  const std::uint64_t blocks = std::uint64_t{launch.grid.x} * launch.grid.y * launch.grid.z;
  require(blocks <= 0xffffffffu, function_name(launch.function), ": ", blocks,
          " blocks, too many to simulate");
  const std::uint64_t number = ++launches;
  const std::vector<std::uint32_t> order = block_order(static_cast<std::uint32_t>(blocks), number);

  if (checking()) check_grid_begin(launch);

  std::atomic<std::uint64_t> next{0};
  const auto work = [&](std::uint64_t chunk) {
    Engine& engine = Engine::local();
    engine.begin(launch, device, number);
    for (std::uint64_t begin; (begin = next.fetch_add(chunk)) < blocks;) {
      for (std::uint64_t i = begin; i < std::min(begin + chunk, blocks); ++i) {
        // What is left of a grid after a deadlock is abandoned, as a GPU abandons it after a fault.
        if (!engine.run_block(order.empty() ? static_cast<std::uint32_t>(i) : order[i])) next = blocks;
      }
    }
  };
  const std::uint64_t block_threads = std::uint64_t{launch.block.x} * launch.block.y * launch.block.z;
  const int workers = worker_count(blocks, blocks * block_threads);
  if (workers == 1) return work(blocks);
#pragma omp parallel num_threads(workers)
  work(std::max<std::uint64_t>(1, blocks / (8 * static_cast<std::uint64_t>(workers))));
}

}  // namespace slipway::simt
