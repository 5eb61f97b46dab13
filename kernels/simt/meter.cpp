#include "kernels/simt/meter.h"

#include <algorithm>
#include <array>
#include <map>
#include <tuple>

#include "kernels/simt/block.h"
#include "kernels/simt/symbols.h"

namespace slipway::simt {
namespace {

constexpr std::uintptr_t kSectorBytes = 32;
constexpr std::uintptr_t kBanks = 32;
constexpr std::uintptr_t kBankBytes = 4;

struct Part {
  std::uintptr_t address;
  std::uint32_t bytes;
  std::uint32_t lane;
};

/// What the lanes of a warp ask for together.
struct Request {
  Space space;
  std::vector<Part> parts;
};

std::uint64_t count_distinct(std::vector<std::uintptr_t>& values) {
  std::sort(values.begin(), values.end());
  return static_cast<std::uint64_t>(std::unique(values.begin(), values.end()) - values.begin());
}

void add_sectors(const Request& request, Traffic& traffic) {
  std::vector<std::uintptr_t> sectors, bytes;
  for (const Part& part : request.parts) {
    for (std::uintptr_t at = part.address; at < part.address + part.bytes; ++at) {
      bytes.push_back(at);
      sectors.push_back(at / kSectorBytes);
    }
  }
  traffic.sectors += count_distinct(sectors);
  traffic.fewest_sectors += (count_distinct(bytes) + kSectorBytes - 1) / kSectorBytes;
}

// The banks serve 128 bytes a step: of 16-byte accesses a quarter of a warp at a time. Lanes that read the
// same word share it; different words of one bank take a step each.
void add_bank_steps(const Request& request, Traffic& traffic) {
  const std::uint32_t width = std::max<std::uint32_t>(request.parts.front().bytes, kBankBytes);
  const std::uint32_t lanes_a_step = static_cast<std::uint32_t>(kBanks * kBankBytes) / width;
  std::map<std::uint32_t, std::array<std::vector<std::uintptr_t>, kBanks>> groups;
  for (const Part& part : request.parts) {
    const std::uintptr_t last = (part.address + part.bytes - 1) / kBankBytes;
    for (std::uintptr_t word = part.address / kBankBytes; word <= last; ++word) {
      groups[part.lane / lanes_a_step][word % kBanks].push_back(word);
    }
  }
  for (auto& [group, banks] : groups) {
    std::uint64_t steps = 0;
    for (auto& words : banks) steps = std::max(steps, count_distinct(words));
    traffic.bank_steps += steps;
    ++traffic.fewest_bank_steps;
  }
}

/// Gathers the requests of the running block.
class Meter {
 public:
  static Meter& instance() {
    static Meter meter;
    return meter;
  }

  void begin_grid(const void* function) {
    const std::string name = function_name(function);
    running_ = &traffic_[name];
    running_->kernel = name;
    ++running_->launches;
  }

  void add(Space space, const Access& access) {
    const Thread& thread = *current.thread;
    const std::uint32_t occurrence = occurrences_[{thread.linear, access.pc}]++;
    Request& request = requests_[{thread.warp, access.pc, occurrence}];
    request.space = space;
    request.parts.push_back({reinterpret_cast<std::uintptr_t>(access.address), access.bytes, thread.lane});
    if (space != Space::device) return;
    if (access.effect != Effect::store) running_->bytes_read += access.bytes;
    if (access.effect != Effect::load) running_->bytes_written += access.bytes;
  }

  void end_block() {
    for (const auto& [key, request] : requests_) {
      const std::uint32_t warp = std::get<0>(key);
      running_->lanes += request.parts.size();
      running_->lane_slots +=
          std::min<std::uint32_t>(kWarpSize, current.block->thread_count - warp * kWarpSize);
      request.space == Space::device ? add_sectors(request, *running_) : add_bank_steps(request, *running_);
    }
    requests_.clear();
    occurrences_.clear();
  }

  void add_distinct(Effect effect, std::uint32_t bytes) {
    (effect == Effect::load ? running_->distinct_bytes_read : running_->distinct_bytes_written) += bytes;
  }

  std::vector<Traffic> all() const {
    std::vector<Traffic> result;
    for (const auto& [name, traffic] : traffic_) result.push_back(traffic);
    return result;
  }
  void clear() { traffic_.clear(); }

 private:
  std::map<std::string, Traffic> traffic_;
  Traffic* running_ = nullptr;
  std::map<std::pair<std::uint32_t, const void*>, std::uint32_t> occurrences_;  // by thread and place
  std::map<std::tuple<std::uint32_t, const void*, std::uint32_t>, Request>
      requests_;  // by warp, place, occurrence
};

}  // namespace

std::vector<Traffic> meter() { return Meter::instance().all(); }
void clear_meter() { Meter::instance().clear(); }

void meter_grid_begin(const void* function) { Meter::instance().begin_grid(function); }
void meter_access(Space space, const Access& access) { Meter::instance().add(space, access); }
void meter_block_end() { Meter::instance().end_block(); }
void meter_distinct(Effect effect, std::uint32_t bytes) { Meter::instance().add_distinct(effect, bytes); }

}  // namespace slipway::simt
