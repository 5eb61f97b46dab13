#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace slipway::simt {

/// When an access happens: in which block and thread, and how many barriers and warp barriers that has
/// passed.
struct Moment {
  std::uint32_t thread = 0;   // within the block
  std::uint32_t block = 0;    // within the grid
  std::uint16_t barrier = 0;  // counts wrap around; only nearby ones are compared
  std::uint16_t warp_barrier = 0;
};

/// What was last done to two bytes of memory, by a launch (of global memory) or a block (of shared memory).
struct Cell {
  /// Those who have read since the last ordered access: nobody, one thread, or several of a warp, block or
  /// grid.
  enum class Readers : std::uint8_t { none, thread, warp, block, grid };

  std::uint32_t owner = 0;  // whose accesses these are; of another launch or block, nothing is known
  Moment written;
  Moment read;
  std::uint8_t written_bytes : 2 = 0;  // by the last writer
  std::uint8_t read_bytes : 2 = 0;
  std::uint8_t ever_written : 2 = 0;  // bytes, by anybody
  std::uint8_t ever_read : 2 = 0;
  bool has_writer : 1 = false;
  bool atomic : 1 = false;  // the last write was
  Readers readers = Readers::none;
};

/// Blocks that are ordered although no barrier spans a grid: one writes, fences, and changes a variable
/// atomically; another one changes the same variable later. So does a reduction that the last block to arrive
/// finishes.
class BlockOrder {
 public:
  void begin_grid();
  void begin_block() { acquired_.clear(); }
  /// A thread of `block` changes `variable` atomically; `fenced`: after a fence.
  void change(const void* variable, std::uint32_t block, bool fenced);
  bool is_before(std::uint32_t block) const;
  bool has_acquired() const { return !acquired_.empty(); }

 private:
  std::unordered_map<const void*, std::vector<bool>> released_;  // by variable: the blocks
  std::vector<const void*> acquired_;  // variables that the running block has changed
};

struct CellAccess {
  Moment now;
  std::uint32_t owner;
  std::uint8_t bytes;  // a mask of two
  bool write;
  bool atomic;
};
/// Records an access; tells of an earlier one that nothing orders before it: "read after a write by thread 3
/// of ...".
std::optional<std::string> update_cell(Cell& cell, const CellAccess& access, const BlockOrder& order);

}  // namespace slipway::simt
