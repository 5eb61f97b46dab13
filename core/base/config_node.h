#pragma once

#include <cstdint>
#include <iosfwd>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace slipway {

/// A place in a configuration file; prints as FILE:LINE:COLUMN, counted from 1. Line 0: not from a file.
struct SourcePosition {
  std::shared_ptr<const std::string> file;
  int line = 0;
  int column = 0;
};
std::ostream& operator<<(std::ostream& out, const SourcePosition& where);
/// File order.
bool operator<(const SourcePosition& a, const SourcePosition& b);

/// One value of a configuration file with the place it was read from. Immutable in shape, cheap to copy.
class ConfigNode {
 public:
  enum class Kind { null, scalar, sequence, mapping };
  struct Entry;

  ConfigNode() = default;
  /// Reads a YAML file. Aliases and `<<` merges are resolved, a key given twice is a mistake, size and depth
  /// are bounded; unreadable or malformed YAML is a UserError with FILE:LINE:COLUMN.
  static ConfigNode load(const std::string& path);
  /// Parses YAML from memory; `name` stands for the file in messages.
  static ConfigNode parse(std::string_view yaml, const std::string& name);
  static ConfigNode make_null(SourcePosition where);
  static ConfigNode make_scalar(std::string value, SourcePosition where);
  /// A scalar that is a string whatever it looks like.
  static ConfigNode make_string(std::string value, SourcePosition where);
  static ConfigNode make_sequence(std::vector<ConfigNode> items, SourcePosition where);
  static ConfigNode make_mapping(std::vector<Entry> entries, SourcePosition where);

  Kind kind() const { return kind_; }
  bool is_null() const { return kind_ == Kind::null; }
  bool is_scalar() const { return kind_ == Kind::scalar; }
  bool is_sequence() const { return kind_ == Kind::sequence; }
  bool is_mapping() const { return kind_ == Kind::mapping; }
  /// True for a quoted scalar, which is a string whatever it looks like.
  bool is_quoted() const { return quoted_; }
  const SourcePosition& where() const { return where_; }

  const std::string& scalar() const { return scalar_; }
  const std::vector<ConfigNode>& items() const;
  const std::vector<Entry>& entries() const;
  /// The value of a key of this mapping, or null if there is none.
  const ConfigNode* find(std::string_view key) const;
  /// A copy in which the value at a dotted path ("train.batch_size", "data.transforms.1") is replaced by the
  /// parsed YAML `value`; missing keys are added, whoever reads the result knows whether they exist.
  ConfigNode with(std::string_view path, std::string_view value) const;

  /// Block-style YAML that parses to the same values.
  std::string to_yaml() const;

 private:
  Kind kind_ = Kind::null;
  bool quoted_ = false;
  SourcePosition where_;
  std::string scalar_;
  std::shared_ptr<const std::vector<ConfigNode>> items_;
  std::shared_ptr<const std::vector<Entry>> entries_;
};

struct ConfigNode::Entry {
  std::string key;
  SourcePosition where;  // of the key
  ConfigNode value;
};

/// Collects every mistake of a configuration so that a user sees all of them at once.
class ConfigErrors {
 public:
  /// The same mistake at the same place is kept once: an alias or a block may be read several times.
  void add(const SourcePosition& where, std::string_view message);
  /// A mistake whose text names its place already; `where` puts it in order.
  void add_placed(const SourcePosition& where, std::string message) { insert(where, std::move(message)); }
  void add_all(const ConfigErrors& other);
  bool empty() const { return messages_.empty(); }
  /// "FILE:LINE:COLUMN: message" each, in file order.
  const std::vector<std::string>& messages() const { return messages_; }
  /// Throws one UserError with a line a mistake, in file order, if there are any.
  void throw_if_any() const;

 private:
  void insert(const SourcePosition& where, std::string line);

  std::vector<SourcePosition> positions_;  // of messages_
  std::vector<std::string> messages_;
};

}  // namespace slipway
