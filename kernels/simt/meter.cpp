#include "kernels/simt/meter.h"

#include <algorithm>
#include <array>
#include <map>
#include <span>
#include <tuple>
#include <unordered_map>
#include <unordered_set>

#include "kernels/simt/block.h"
#include "kernels/simt/launch.h"
#include "kernels/simt/sector_cache.h"
#include "kernels/simt/settings.h"
#include "kernels/simt/symbols.h"

namespace slipway::simt {
namespace {

constexpr std::uintptr_t kSectorBytes = KernelTraffic::kSectorBytes;
constexpr std::uintptr_t kBanks = 32;
constexpr std::uintptr_t kBankBytes = 4;
// The first-level cache of a multiprocessor (compute capability 8.0, with room left for shared memory), which
// the blocks that run on it together share. A block finds there what the one before it left.
constexpr std::size_t kCacheBytes = std::size_t{128} << 10;
constexpr std::size_t kResidentThreads = 2048;

/// One lane's part of a request.
struct Part {
  std::uint32_t warp, lane;
  const void* pc;
  std::uint32_t occurrence;  // how often this thread came by pc before
  std::uint32_t turn;        // how many accesses this thread made before
  Space space;
  Effect effect;
  std::uint32_t bytes;
  std::uintptr_t address;

  auto request() const { return std::tuple(warp, pc, occurrence); }
};

/// What the lanes of a warp ask for together.
using Request = std::span<const Part>;

void sort_distinct(std::vector<std::uintptr_t>& values) {
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
}

/// The units of memory, `unit` bytes each, that a request touches.
std::vector<std::uintptr_t> touched(Request request, std::uintptr_t unit) {
  std::vector<std::uintptr_t> units;
  for (const Part& part : request) {
    for (std::uintptr_t at = part.address / unit; at <= (part.address + part.bytes - 1) / unit; ++at)
      units.push_back(at);
  }
  sort_distinct(units);
  return units;
}

// The banks serve 128 bytes a step: of 16-byte accesses a quarter of a warp at a time. Lanes that read the
// same word share it; different words of one bank take a step each.
void add_bank_steps(Request request, KernelTraffic& traffic) {
  const std::uint32_t width = std::max<std::uint32_t>(request.front().bytes, kBankBytes);
  const std::uint32_t lanes_a_step = static_cast<std::uint32_t>(kBanks * kBankBytes) / width;
  std::map<std::uint32_t, std::vector<std::uintptr_t>> groups;
  for (const Part& part : request) {
    const std::uintptr_t last = (part.address + part.bytes - 1) / kBankBytes;
    for (std::uintptr_t word = part.address / kBankBytes; word <= last; ++word)
      groups[part.lane / lanes_a_step].push_back(word);
  }
  for (auto& [group, words] : groups) {
    sort_distinct(words);
    std::array<std::uint64_t, kBanks> steps{};
    for (const std::uintptr_t word : words) ++steps[word % kBanks];
    traffic.bank_steps += *std::max_element(steps.begin(), steps.end());
    ++traffic.fewest_bank_steps;
  }
}

/// Gathers the accesses of the running block, and takes them as requests at its end.
class Meter {
 public:
  static Meter& instance() {
    static Meter meter;
    return meter;
  }

  void begin_grid(const KernelLaunch& launch) {
    const std::string name = function_name(launch.function);
    running_ = &traffic_[name];
    running_->kernel = name;
    ++running_->launches;
    running_->block_threads =
        std::max(running_->block_threads, launch.block.x * launch.block.y * launch.block.z);
    running_->dynamic_shared_bytes = std::max(running_->dynamic_shared_bytes, launch.shared_bytes);
    updated_.clear();
    cache_.clear(kCacheBytes / kSectorBytes * running_->block_threads / kResidentThreads);
  }

  void add(Space space, const Access& access) {
    const Thread& thread = *current.thread;
    const std::uint32_t occurrence = occurrences_[thread.linear][access.pc]++;
    parts_.push_back({.warp = thread.warp,
                      .lane = thread.lane,
                      .pc = access.pc,
                      .occurrence = occurrence,
                      .turn = turns_[thread.linear]++,
                      .space = space,
                      .effect = access.effect,
                      .bytes = access.bytes,
                      .address = reinterpret_cast<std::uintptr_t>(access.address)});
    if (space != Space::device) return;
    if (access.effect != Effect::store) running_->bytes_read += access.bytes;
    if (access.effect != Effect::load) running_->bytes_written += access.bytes;
  }

  void end_block() {
    std::stable_sort(parts_.begin(), parts_.end(),
                     [](const Part& a, const Part& b) { return a.request() < b.request(); });
    std::vector<Request> requests;
    for (std::size_t begin = 0, end = 0; begin < parts_.size(); begin = end) {
      while (end < parts_.size() && parts_[end].request() == parts_[begin].request()) ++end;
      requests.emplace_back(&parts_[begin], end - begin);
    }
    // As if all warps went on at the same pace.
    std::stable_sort(requests.begin(), requests.end(),
                     [](Request a, Request b) { return a.front().turn < b.front().turn; });
    for (const Request request : requests) add_request(request);
    parts_.clear();
    for (auto& of_thread : occurrences_) of_thread.clear();
    turns_.fill(0);
  }

  void add_distinct(Effect effect, std::uint32_t bytes) {
    (effect == Effect::load ? running_->distinct_bytes_read : running_->distinct_bytes_written) += bytes;
  }

  std::vector<KernelTraffic> all() const {
    std::vector<KernelTraffic> result;
    for (const auto& [name, traffic] : traffic_) result.push_back(traffic);
    return result;
  }
  void clear() { traffic_.clear(); }

 private:
  void add_request(Request request) {
    const std::uint32_t lanes_before = request.front().warp * kWarpSize;
    running_->lanes += request.size();
    running_->lane_slots += std::min<std::uint32_t>(kWarpSize, current.block->thread_count - lanes_before);
    if (request.front().space == Space::shared) return add_bank_steps(request, *running_);
    const std::vector<std::uintptr_t> sectors = touched(request, kSectorBytes);
    running_->sectors += sectors.size();
    running_->fewest_sectors += (touched(request, 1).size() + kSectorBytes - 1) / kSectorBytes;
    for (const std::uintptr_t sector : sectors) {
      const bool held = request.front().effect == Effect::load && cache_.read(sector);
      running_->moved_sectors += held ? 0 : 1;
      if (request.front().effect == Effect::update && updated_.insert(sector).second)
        running_->distinct_bytes_written += kSectorBytes;
    }
  }

  std::map<std::string, KernelTraffic> traffic_;
  KernelTraffic* running_ = nullptr;
  std::vector<Part> parts_;
  std::array<std::unordered_map<const void*, std::uint32_t>, kMaxThreads> occurrences_;
  std::array<std::uint32_t, kMaxThreads> turns_{};
  SectorCache cache_;
  std::unordered_set<std::uintptr_t> updated_;  // sectors, by this launch
};

/// What the rest of the program sees of it.
class SimulatedMeter final : public KernelMeter {
 public:
  void start() override {
    clear_meter();
    settings().meter = true;
  }
  std::vector<KernelTraffic> stop() override {
    settings().meter = false;
    return meter();
  }
};

}  // namespace

std::vector<KernelTraffic> meter() { return Meter::instance().all(); }
void clear_meter() { Meter::instance().clear(); }
void register_meter() {
  static SimulatedMeter meter;
  static const KernelMeterRegistrar registered(meter);
}

void meter_grid_begin(const KernelLaunch& launch) { Meter::instance().begin_grid(launch); }
void meter_access(Space space, const Access& access) { Meter::instance().add(space, access); }
void meter_block_end() { Meter::instance().end_block(); }
void meter_distinct(Effect effect, std::uint32_t bytes) { Meter::instance().add_distinct(effect, bytes); }

}  // namespace slipway::simt
