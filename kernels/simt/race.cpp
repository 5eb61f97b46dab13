#include "kernels/simt/race.h"

#include <algorithm>

#include "core/base/error.h"
#include "kernels/simt/block.h"

namespace slipway::simt {
namespace {

bool is_later(std::uint16_t a, std::uint16_t b) { return static_cast<std::int16_t>(a - b) > 0; }

/// Whether an access of one or several threads, the last of them at `past`, is ordered before one at `now`.
bool is_before(const Moment& past, Cell::Readers who, const Moment& now, const BlockOrder& order) {
  if (who == Cell::Readers::grid) return order.has_acquired();
  if (past.block != now.block) return order.is_before(past.block);
  if (past.barrier != now.barrier) return true;
  if (who == Cell::Readers::block) return false;
  if (who == Cell::Readers::thread && past.thread == now.thread) return true;
  return past.thread / kWarpSize == now.thread / kWarpSize && is_later(now.warp_barrier, past.warp_barrier);
}

Cell::Readers common_group(Cell::Readers group, const Moment& a, const Moment& b) {
  if (a.block != b.block) return Cell::Readers::grid;
  if (a.thread / kWarpSize != b.thread / kWarpSize) return std::max(group, Cell::Readers::block);
  return a.thread != b.thread ? std::max(group, Cell::Readers::warp) : group;
}

std::string describe(const Moment& past, Cell::Readers who) {
  switch (who) {
    case Cell::Readers::thread:
      return text("thread ", past.thread, " of block ", past.block);
    case Cell::Readers::warp:
      return text("several threads of warp ", past.thread / kWarpSize, " of block ", past.block);
    case Cell::Readers::block:
      return text("several threads of block ", past.block);
    default:
      return "threads of several blocks";
  }
}

void record_read(Cell& cell, const CellAccess& access, const BlockOrder& order) {
  if (cell.readers == Cell::Readers::none || is_before(cell.read, cell.readers, access.now, order)) {
    cell.readers = Cell::Readers::thread;
    cell.read_bytes = access.bytes;
  } else {
    cell.readers = common_group(cell.readers, cell.read, access.now);
    cell.read_bytes |= access.bytes;
  }
  cell.read = access.now;
}

}  // namespace

void BlockOrder::begin_grid() {
  released_.clear();
  acquired_.clear();
}

void BlockOrder::change(const void* variable, std::uint32_t block, bool fenced) {
  const auto released = released_.find(variable);
  if (released != released_.end() &&
      std::find(acquired_.begin(), acquired_.end(), variable) == acquired_.end()) {
    acquired_.push_back(variable);
  }
  if (!fenced) return;
  std::vector<bool>& blocks = released_[variable];
  if (blocks.size() <= block) blocks.resize(block + 1);
  blocks[block] = true;
}

bool BlockOrder::is_before(std::uint32_t block) const {
  return std::any_of(acquired_.begin(), acquired_.end(), [&](const void* variable) {
    const std::vector<bool>& blocks = released_.at(variable);
    return block < blocks.size() && blocks[block];
  });
}

std::optional<std::string> update_cell(Cell& cell, const CellAccess& access, const BlockOrder& order) {
  if (cell.owner != access.owner) cell = {.owner = access.owner};
  std::optional<std::string> race;
  const bool both_atomic = access.atomic && cell.atomic;
  if (cell.has_writer && (cell.written_bytes & access.bytes) && !both_atomic &&
      !is_before(cell.written, Cell::Readers::thread, access.now, order)) {
    race = text(access.write ? "write" : "read", " after a write by ",
                describe(cell.written, Cell::Readers::thread), ", with no barrier between");
  }
  if (!access.write) {
    cell.ever_read |= access.bytes;
    record_read(cell, access, order);
    return race;
  }
  if (cell.readers != Cell::Readers::none && (cell.read_bytes & access.bytes) &&
      !is_before(cell.read, cell.readers, access.now, order)) {
    race = text("write after a read by ", describe(cell.read, cell.readers), ", with no barrier between");
  }
  cell.written = access.now;
  cell.written_bytes = access.bytes;
  cell.ever_written |= access.bytes;
  cell.has_writer = true;
  cell.atomic = access.atomic;
  return race;
}

}  // namespace slipway::simt
