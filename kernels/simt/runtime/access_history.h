#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "kernels/simt/runtime/clock.h"

namespace slipway::simt {

enum class AccessKind : std::uint8_t { read, write };

/// The operation that reads or writes.
struct Accessor {
  std::uint32_t operation = 0;   // as AccessLog::add gave it
  const Clock* clock = nullptr;  // all that happened before it, and itself
};

/// The operations that have touched memory so far. Operation 0 is none.
class AccessLog {
 public:
  std::uint32_t add(LanePosition position, const std::string& name);

  const std::string& name(std::uint32_t operation) const { return names_[operations_[operation].name]; }

  /// Readers of a word: one operation, or a set of them that no event orders.
  std::uint32_t add_reader(std::uint32_t readers, const Accessor& reader);
  /// A reader that `clock` does not know of; 0 if it knows all.
  std::uint32_t unknown_reader(std::uint32_t readers, const Clock& clock) const;
  bool knows(const Clock& clock, std::uint32_t operation) const {
    return operation == 0 || clock.knows(operations_[operation].position);
  }

 private:
  struct Operation {
    LanePosition position;
    std::uint32_t name;
  };
  std::vector<Operation> operations_{{}};
  std::vector<std::string> names_{""};
  std::map<std::string, std::uint32_t> name_index_;
  std::vector<std::vector<std::uint32_t>> sets_;
  std::map<std::vector<std::uint32_t>, std::uint32_t> set_index_;
};

/// Two operations that no event orders, of which one at least writes.
struct Conflict {
  std::uint32_t earlier = 0;  // the one that happened to run first
  AccessKind earlier_kind = AccessKind::read;
  std::size_t offset = 0;  // of the first byte
};

/// The last write and the reads since, of every 4-byte word of an allocation.
class AccessHistory {
 public:
  /// Records the access; tells the first conflict with an earlier one.
  std::optional<Conflict> access(AccessLog& log, const Accessor& accessor, AccessKind kind,
                                 std::size_t offset, std::size_t bytes);
  /// A conflict of a write to the whole allocation, which is not recorded.
  std::optional<Conflict> conflict_with_free(const AccessLog& log, const Clock& clock) const;

 private:
  struct Word {
    std::uint32_t writer = 0;
    std::uint32_t readers = 0;

    friend bool operator==(const Word&, const Word&) = default;
  };
  std::optional<Conflict> find_conflict(const AccessLog& log, const Clock& clock, AccessKind kind,
                                        std::size_t index) const;

  std::vector<Word> words_;
};

}  // namespace slipway::simt
