#include "core/base/config_node.h"

#include <algorithm>
#include <charconv>
#include <tuple>

#include "core/base/error.h"

namespace slipway {
namespace {

constexpr std::size_t kMaxReportedErrors = 50;

std::string_view file_name(const SourcePosition& where) {
  return where.file ? std::string_view(*where.file) : std::string_view();
}

bool same_place(const SourcePosition& a, const SourcePosition& b) {
  return a.line == b.line && a.column == b.column && file_name(a) == file_name(b);
}

/// Where `with` is on its way down a dotted path.
struct PathStep {
  std::string_view path;  // the whole path, for messages
  std::size_t begin = 0;  // of the segment being resolved

  std::string_view segment() const { return path.substr(begin, end() - begin); }
  std::string_view before() const { return path.substr(0, begin == 0 ? 0 : begin - 1); }
  bool is_last() const { return end() == path.size(); }
  PathStep next() const { return {path, end() + 1}; }

 private:
  std::size_t end() const { return std::min(path.find('.', begin), path.size()); }
};

ConfigNode replaced(const ConfigNode& node, const PathStep& step, const ConfigNode& value);

ConfigNode replaced_item(const ConfigNode& node, const PathStep& step, const ConfigNode& value) {
  const std::string_view segment = step.segment();
  std::vector<ConfigNode> items = node.items();
  std::size_t index = 0;
  const auto [end, error] = std::from_chars(segment.data(), segment.data() + segment.size(), index);
  const bool is_index = error == std::errc() && end == segment.data() + segment.size();
  require_user(is_index && index < items.size(), "cannot set '", step.path, "': '", step.before(),
               "' is a list of ", items.size(), " (", node.where(), "), '", segment, "' is no index of it");
  items[index] = step.is_last() ? value : replaced(items[index], step.next(), value);
  return ConfigNode::make_sequence(std::move(items), node.where());
}

ConfigNode replaced_entry(const ConfigNode& node, const PathStep& step, const ConfigNode& value) {
  const std::string_view segment = step.segment();
  std::vector<ConfigNode::Entry> entries;
  if (node.is_mapping()) entries = node.entries();
  if (node.is_scalar()) entries.push_back({node.scalar(), node.where(), ConfigNode::make_null(node.where())});
  const auto found = std::ranges::find(entries, segment, &ConfigNode::Entry::key);
  const ConfigNode inner = found != entries.end() ? found->value : ConfigNode::make_null(value.where());
  const ConfigNode changed = step.is_last() ? value : replaced(inner, step.next(), value);
  if (found != entries.end())
    found->value = changed;
  else
    entries.push_back({std::string(segment), value.where(), changed});
  return ConfigNode::make_mapping(std::move(entries), node.where());
}

ConfigNode replaced(const ConfigNode& node, const PathStep& step, const ConfigNode& value) {
  require_user(!step.segment().empty(), "cannot set '", step.path, "': a key of the path is empty");
  // `optimizer: adamw` stands for `optimizer: {adamw: {}}`.
  require_user(!node.is_scalar() || node.scalar() == step.segment(), "cannot set '", step.path, "': '",
               step.before(), "' is the value '", node.scalar(), "' (", node.where(),
               "), not a mapping or a list");
  return node.is_sequence() ? replaced_item(node, step, value) : replaced_entry(node, step, value);
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const SourcePosition& where) {
  out << (where.file ? *where.file : std::string("(built in)"));
  if (where.line > 0) out << ':' << where.line << ':' << where.column;
  return out;
}

bool operator<(const SourcePosition& a, const SourcePosition& b) {
  return std::tuple(file_name(a), a.line, a.column) < std::tuple(file_name(b), b.line, b.column);
}

ConfigNode ConfigNode::make_null(SourcePosition where) {
  ConfigNode node;
  node.where_ = std::move(where);
  return node;
}

ConfigNode ConfigNode::make_scalar(std::string value, SourcePosition where) {
  ConfigNode node = make_null(std::move(where));
  node.kind_ = Kind::scalar;
  node.scalar_ = std::move(value);
  return node;
}

ConfigNode ConfigNode::make_string(std::string value, SourcePosition where) {
  ConfigNode node = make_scalar(std::move(value), std::move(where));
  node.quoted_ = true;
  return node;
}

ConfigNode ConfigNode::make_sequence(std::vector<ConfigNode> items, SourcePosition where) {
  ConfigNode node = make_null(std::move(where));
  node.kind_ = Kind::sequence;
  node.items_ = std::make_shared<const std::vector<ConfigNode>>(std::move(items));
  return node;
}

ConfigNode ConfigNode::make_mapping(std::vector<Entry> entries, SourcePosition where) {
  ConfigNode node = make_null(std::move(where));
  node.kind_ = Kind::mapping;
  node.entries_ = std::make_shared<const std::vector<Entry>>(std::move(entries));
  return node;
}

const std::vector<ConfigNode>& ConfigNode::items() const {
  static const std::vector<ConfigNode> none;
  return items_ ? *items_ : none;
}

const std::vector<ConfigNode::Entry>& ConfigNode::entries() const {
  static const std::vector<Entry> none;
  return entries_ ? *entries_ : none;
}

const ConfigNode* ConfigNode::find(std::string_view key) const {
  const auto found = std::ranges::find(entries(), key, &Entry::key);
  return found == entries().end() ? nullptr : &found->value;
}

ConfigNode ConfigNode::with(std::string_view path, std::string_view value) const {
  return replaced(*this, {path}, parse(value, text("--set ", path)));
}

void ConfigErrors::add(const SourcePosition& where, std::string_view message) {
  insert(where, where.file ? text(where, ": ", message) : std::string(message));
}

void ConfigErrors::add_all(const ConfigErrors& other) {
  for (std::size_t i = 0; i < other.messages_.size(); ++i) insert(other.positions_[i], other.messages_[i]);
}

void ConfigErrors::insert(const SourcePosition& where, std::string line) {
  const auto after = std::upper_bound(positions_.begin(), positions_.end(), where);
  const auto index = after - positions_.begin();
  for (auto i = index; i > 0 && same_place(positions_[static_cast<std::size_t>(i - 1)], where); --i) {
    if (messages_[static_cast<std::size_t>(i - 1)] == line) return;
  }
  positions_.insert(after, where);
  messages_.insert(messages_.begin() + index, std::move(line));
}

void ConfigErrors::throw_if_any() const {
  if (messages_.empty()) return;
  std::string all;
  for (std::size_t i = 0; i < std::min(messages_.size(), kMaxReportedErrors); ++i) {
    all += (i == 0 ? "" : "\n") + messages_[i];
  }
  if (messages_.size() > kMaxReportedErrors)
    all += text("\n... and ", messages_.size() - kMaxReportedErrors, " more");
  throw UserError(all);
}

}  // namespace slipway
