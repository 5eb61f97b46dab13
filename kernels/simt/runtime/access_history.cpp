#include "kernels/simt/runtime/access_history.h"

#include <algorithm>

namespace slipway::simt {
namespace {

constexpr std::size_t kWordBytes = 4;
constexpr std::uint32_t kSetFlag = 0x80000000u;

}  // namespace

std::uint32_t AccessLog::add(LanePosition position, const std::string& name) {
  const auto [entry, added] = name_index_.try_emplace(name, static_cast<std::uint32_t>(names_.size()));
  if (added) names_.push_back(name);
  operations_.push_back({position, entry->second});
  return static_cast<std::uint32_t>(operations_.size() - 1);
}

std::uint32_t AccessLog::add_reader(std::uint32_t readers, const Accessor& reader) {
  if (readers == 0 || readers == reader.operation) return reader.operation;
  std::vector<std::uint32_t> set;
  if (readers & kSetFlag) {
    set = sets_[readers & ~kSetFlag];
  } else {
    set.push_back(readers);
  }
  // Whoever waits for this reader has also waited for those before it.
  std::erase_if(set, [&](std::uint32_t one) { return knows(*reader.clock, one); });
  if (set.empty()) return reader.operation;
  set.push_back(reader.operation);
  std::sort(set.begin(), set.end());
  const auto [entry, added] = set_index_.try_emplace(set, static_cast<std::uint32_t>(sets_.size()));
  if (added) sets_.push_back(set);
  return entry->second | kSetFlag;
}

std::uint32_t AccessLog::unknown_reader(std::uint32_t readers, const Clock& clock) const {
  if (readers & kSetFlag) {
    for (std::uint32_t one : sets_[readers & ~kSetFlag]) {
      if (!knows(clock, one)) return one;
    }
    return 0;
  }
  return knows(clock, readers) ? 0 : readers;
}

std::optional<Conflict> AccessHistory::access(AccessLog& log, const Accessor& accessor, AccessKind kind,
                                              std::size_t offset, std::size_t bytes) {
  std::optional<Conflict> conflict;
  if (bytes == 0) return conflict;
  const std::size_t end = (offset + bytes - 1) / kWordBytes + 1;
  if (words_.size() < end) words_.resize(end);
  // Neighbours mostly have one history: what was found for the last word need not be found again.
  Word known{~0u, ~0u}, outcome;
  for (std::size_t index = offset / kWordBytes; index < end; ++index) {
    Word& word = words_[index];
    if (word == known) {
      word = outcome;
      continue;
    }
    known = word;
    if (!conflict) conflict = find_conflict(log, *accessor.clock, kind, index);
    outcome = kind == AccessKind::write ? Word{accessor.operation, 0}
                                        : Word{word.writer, log.add_reader(word.readers, accessor)};
    word = outcome;
  }
  return conflict;
}

std::optional<Conflict> AccessHistory::conflict_with_free(const AccessLog& log, const Clock& clock) const {
  Word known;
  for (std::size_t index = 0; index < words_.size(); ++index) {
    if (words_[index] == known) continue;
    known = words_[index];
    if (auto conflict = find_conflict(log, clock, AccessKind::write, index)) return conflict;
  }
  return std::nullopt;
}

std::optional<Conflict> AccessHistory::find_conflict(const AccessLog& log, const Clock& clock,
                                                     AccessKind kind, std::size_t index) const {
  const Word& word = words_[index];
  if (!log.knows(clock, word.writer)) return Conflict{word.writer, AccessKind::write, index * kWordBytes};
  if (kind == AccessKind::read) return std::nullopt;
  if (const std::uint32_t reader = log.unknown_reader(word.readers, clock)) {
    return Conflict{reader, AccessKind::read, index * kWordBytes};
  }
  return std::nullopt;
}

}  // namespace slipway::simt
