#include "kernels/simt/checker.h"

#include <array>
#include <atomic>
#include <bit>
#include <cstring>
#include <optional>
#include <string>

#include "core/base/error.h"
#include "kernels/simt/arena.h"
#include "kernels/simt/block.h"
#include "kernels/simt/device_shadow.h"
#include "kernels/simt/meter.h"
#include "kernels/simt/race.h"
#include "kernels/simt/report.h"
#include "kernels/simt/runtime/kernel_access.h"
#include "kernels/simt/settings.h"
#include "kernels/simt/shared_shadow.h"
#include "kernels/simt/symbols.h"

namespace slipway::simt {
namespace {

constexpr const char* kConstantSection =
    "simt_constant";  // of variables declared __constant__, see intrinsics.h

std::atomic<bool> instrumented{false};

const char* verb(const Access& access) { return access.effect == Effect::load ? "reads" : "writes"; }

/// The memory that a pointer points to is not the device's own, or not as the access takes it to be.
void report_access(const char* kind, const Access& access, const std::string& what) {
  report({.kind = kind, .message = text(verb(access), " ", access.bytes, " bytes ", what), .pc = access.pc});
}

std::string position_in(const char* address) {
  // From the last allocation before; what follows one is a gap, so it is near.
  constexpr std::size_t kNear = 4096;
  for (std::size_t back = 0; back < kNear; ++back) {
    if (const auto near = find(address - back)) {
      return text(address - static_cast<const char*>(near->begin),
                  " bytes past the start of an allocation of ", near->bytes, " bytes");
    }
  }
  return "far from any allocation";
}

/// The checks of the grid that runs.
class Checker {
 public:
  static Checker& instance() {
    static Checker checker;
    return checker;
  }

  void begin_grid() {
    order_.begin_grid();
    memory_ = device_addresses();
  }
  void begin_block() {
    order_.begin_block();
    ++block_serial_;
  }
  void flush();
  void access(const Access& access);

 private:
  void check_global(const Access& access);
  void check_dynamic_shared(const Access& access);
  void check_static_shared(const Access& access, Cell* cells);
  void check_shared_cells(const Access& access, Cell* cells);
  void check_cells(const Access& access, Cell* cells, std::uint32_t owner);
  void measure_distinct(const Access& access, const Cell* cells, std::uint32_t owner) const;
  bool check_initialised(const Access& access, Cell* cells);
  void found_race(const Access& access, const std::string& race);

  // A write that races is harmless if it leaves the memory as it was: what it writes is known only
  // afterwards.
  struct RacingWrite {
    Report report;
    uint3 block;
    Thread* thread;
    const char* address;
    std::uint32_t bytes;
    std::array<char, 16> before;
  };

  AddressRange memory_;
  BlockOrder order_;
  std::uint32_t block_serial_ = 0;
  std::optional<RacingWrite> racing_write_;
};

void Checker::flush() {
  if (!racing_write_) return;
  const RacingWrite write = *std::exchange(racing_write_, {});
  if (std::memcmp(write.address, write.before.data(), write.bytes) == 0) return;
  Thread* running = std::exchange(current.thread, write.thread);
  report(write.report);
  current.thread = running;
}

void Checker::access(const Access& access) {
  flush();
  const Engine::Owner owner = current.engine->owner(access.address);
  if (owner == Engine::Owner::engine || owner == Engine::Owner::current_thread) return;
  if (access.aligned && reinterpret_cast<std::uintptr_t>(access.address) % access.bytes != 0) {
    report_access("misaligned access", access, "at an address that is not a multiple of that");
  }
  if (owner == Engine::Owner::dynamic_shared) return check_dynamic_shared(access);
  if (owner == Engine::Owner::other_thread) {
    return report_access("other thread's memory", access, "of another thread's local variables");
  }
  if (memory_.contains(access.address)) return check_global(access);
  if (Cell* cells = SharedShadow::local().find_static(access.address))
    return check_static_shared(access, cells);
  if (is_in_section(access.address, kConstantSection)) {
    if (access.effect != Effect::load)
      report_access("write to read-only memory", access, "of a __constant__ variable");
    return;
  }
  report_access("host memory", access, "of the host's memory");
}

void Checker::check_global(const Access& access) {
  DeviceShadow& shadow = DeviceShadow::instance();
  if (!shadow.all(access.address, access.bytes, DeviceShadow::allocated)) {
    if (shadow.any(access.address, access.bytes, DeviceShadow::freed)) {
      report_access("use after free", access, "of device memory that has been freed");
    } else {
      report_access("out of bounds", access, position_in(access.address));
    }
    return;
  }
  const int device = device_of(access.address);
  if (!may_access(current.block->device, device)) {
    report_access("wrong device", access,
                  text("of cuda:", device, "'s memory on cuda:", current.block->device));
  }
  if (access.effect != Effect::store &&
      !shadow.all(access.address, access.bytes, DeviceShadow::initialised)) {
    report({.kind = "uninitialised read",
            .message = text("reads ", access.bytes, " bytes that nothing has written, ",
                            position_in(access.address)),
            .pc = access.pc});
  }
  if (access.effect != Effect::load) {
    if (shadow.any(access.address, access.bytes, DeviceShadow::read_only)) {
      report_access("write to read-only memory", access, position_in(access.address));
    }
    shadow.add(access.address, access.bytes, DeviceShadow::initialised);
  }
  const auto launch = static_cast<std::uint32_t>(current.block->launch);
  Cell* cells = shadow.cell(access.address);
  const bool first =
      cells->owner != launch ||
      (access.effect == Effect::load ? cells->readers == Cell::Readers::none : !cells->has_writer);
  if (first) {
    note_access({.address = access.address,
                 .bytes = access.bytes,
                 .kind = access.effect == Effect::load ? AccessKind::read : AccessKind::write,
                 .pc = access.pc});
  }
  if (settings().meter) {
    meter_access(Space::device, access);
    if (access.effect != Effect::update) measure_distinct(access, cells, launch);
  }
  check_cells(access, cells, launch);
}

void Checker::check_dynamic_shared(const Access& access) {
  const auto offset = static_cast<std::size_t>(access.address - current.engine->dynamic_shared());
  const std::size_t bytes = current.block->dynamic_shared_bytes;
  if (offset + access.bytes > bytes) {
    return report_access("out of bounds", access,
                         text("at ", offset, " of the ", bytes, " bytes of dynamic shared memory"));
  }
  check_shared_cells(access, SharedShadow::local().dynamic(offset));
}

void Checker::check_static_shared(const Access& access, Cell* cells) {
  const std::string outside = SharedShadow::local().out_of_bounds(access.address, access.bytes);
  if (!outside.empty()) return report_access("out of bounds", access, outside);
  check_shared_cells(access, cells);
}

void Checker::check_shared_cells(const Access& access, Cell* cells) {
  if (settings().meter) meter_access(Space::shared, access);
  if (access.effect != Effect::store && !check_initialised(access, cells)) {
    report({.kind = "uninitialised read",
            .message = text("reads ", access.bytes, " bytes of shared memory that the block has not written"),
            .pc = access.pc});
  }
  check_cells(access, cells, block_serial_);
}

// Two bytes have a cell. Of an access of one byte, or at an odd address, the others take no part.
template <class Visit>
void for_each_cell(const Access& access, Visit visit) {
  const auto first = reinterpret_cast<std::uintptr_t>(access.address) / 2;
  const auto last = (reinterpret_cast<std::uintptr_t>(access.address) + access.bytes - 1) / 2;
  for (auto i = first; i <= last; ++i) {
    std::uint8_t bytes = 3;
    if (i == first && reinterpret_cast<std::uintptr_t>(access.address) % 2) bytes &= 2;
    if (i == last && (reinterpret_cast<std::uintptr_t>(access.address) + access.bytes) % 2) bytes &= 1;
    visit(i - first, bytes);
  }
}

void Checker::measure_distinct(const Access& access, const Cell* cells, std::uint32_t owner) const {
  std::uint32_t fresh = 0;
  for_each_cell(access, [&](std::size_t i, std::uint8_t bytes) {
    const bool load = access.effect == Effect::load;
    const unsigned known = cells[i].owner != owner ? 0u : load ? cells[i].ever_read : cells[i].ever_written;
    fresh += static_cast<std::uint32_t>(std::popcount(bytes & ~known));
  });
  meter_distinct(access.effect, fresh);
}

bool Checker::check_initialised(const Access& access, Cell* cells) {
  bool initialised = true;
  for_each_cell(access, [&](std::size_t i, std::uint8_t bytes) {
    initialised = initialised && cells[i].owner == block_serial_ && (cells[i].ever_written & bytes) == bytes;
  });
  return initialised;
}

void Checker::check_cells(const Access& access, Cell* cells, std::uint32_t owner) {
  const Thread& thread = *current.thread;
  const Block& block = *current.block;
  const CellAccess made{.now = {.thread = thread.linear,
                                .block = block.linear,
                                .barrier = static_cast<std::uint16_t>(block.epoch),
                                .warp_barrier = static_cast<std::uint16_t>(thread.warp_epoch)},
                        .owner = owner,
                        .bytes = 0,
                        .write = access.effect != Effect::load,
                        .atomic = access.effect == Effect::update};
  if (made.atomic) order_.change(access.address, block.linear, thread.fenced);
  std::optional<std::string> race;
  for_each_cell(access, [&](std::size_t i, std::uint8_t bytes) {
    CellAccess part = made;
    part.bytes = bytes;
    if (auto found = update_cell(cells[i], part, order_); found && !race) race = std::move(found);
  });
  if (race) found_race(access, *race);
}

void Checker::found_race(const Access& access, const std::string& race) {
  const Report found{.kind = "race", .message = race, .pc = access.pc};
  if (access.effect == Effect::load) return report(found);
  racing_write_ = {.report = found,
                   .block = current.block->index,
                   .thread = current.thread,
                   .address = access.address,
                   .bytes = access.bytes,
                   .before = {}};
  std::memcpy(racing_write_->before.data(), access.address, access.bytes);
}

}  // namespace

void found_instrumentation() {
  instrumented = true;
  register_meter();
}

bool checking() { return instrumented && (settings().check || settings().meter); }

void check_access(const Access& access) {
  if (current.thread && checking()) Checker::instance().access(access);
}

void check_grid_begin(const KernelLaunch& launch) {
  Checker::instance().begin_grid();
  if (settings().meter) meter_grid_begin(launch);
}
void check_block_begin() { Checker::instance().begin_block(); }
void check_block_end() {
  Checker::instance().flush();
  if (settings().meter) meter_block_end();
}

}  // namespace slipway::simt
