#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>
#include <unordered_map>

#include "core/base/config_node.h"
#include "core/base/error.h"

namespace slipway {
namespace {

constexpr std::size_t kMaxBytes = std::size_t{4} << 20;

/// Builds a ConfigNode from yaml-cpp's events. Aliases share what they name, so a document costs memory by
/// its length; what walking it would cost is bounded by counting each alias as a copy.
class ConfigNodeBuilder : public YAML::EventHandler {
 public:
  explicit ConfigNodeBuilder(std::shared_ptr<const std::string> file) : file_(std::move(file)) {}

  ConfigNode take_root() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (expects_key()) fail(position(mark), "a key is null, expected a name (in quotes if it is one)");
    // A value left out has no place of its own: its key has.
    const bool is_value = !frames_.empty() && frames_.back().key;
    charge(1, 0, mark);
    add({ConfigNode::make_null(is_value ? frames_.back().key->where : position(mark)), 1, 0}, anchor);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) fail(position(mark), "an alias inside of what it stands for");
    charge(found->second.cost, found->second.height, mark);
    add(Built(found->second), YAML::NullAnchor);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    const std::size_t cost = 1 + value.size() / kBytesPerValue;
    charge(cost, 0, mark);
    check_tag(tag, mark);
    // yaml-cpp tags a quoted scalar "!".
    const bool quoted = tag == "!" || tag == "tag:yaml.org,2002:str";
    const auto make = quoted ? ConfigNode::make_string : ConfigNode::make_scalar;
    add({make(value, position(mark)), cost, 0}, anchor);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(false, mark, tag, anchor);
  }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(true, mark, tag, anchor);
  }

  void OnSequenceEnd() override { close(); }
  void OnMapEnd() override { close(); }

 private:
  static constexpr std::size_t kMaxValues = 200'000;
  static constexpr std::size_t kBytesPerValue = 100;  // a longer scalar counts as several
  static constexpr int kMaxDepth = 100;
  static constexpr std::size_t kMaxKeyBytes = 200;

  struct Built {
    ConfigNode node;
    std::size_t cost = 0;  // of the tree in values, aliases counted as copies
    int height = 0;
  };

  struct Key {
    std::string name;
    SourcePosition where;
    bool is_merge = false;
  };

  /// A sequence or mapping that has begun and not ended.
  struct Frame {
    bool is_mapping = false;
    SourcePosition where;
    YAML::anchor_t anchor = YAML::NullAnchor;
    std::size_t cost_before = 0;
    int height = 0;
    std::vector<ConfigNode> items;
    std::vector<ConfigNode::Entry> entries;
    std::map<std::string, SourcePosition, std::less<>> seen;
    std::optional<Key> key;  // whose value comes next
    std::vector<ConfigNode> merges;
  };

  [[noreturn]] static void fail(const SourcePosition& where, std::string_view message) {
    throw UserError(text(where, ": ", message));
  }

  SourcePosition position(const YAML::Mark& mark) const { return {file_, mark.line + 1, mark.column + 1}; }

  bool expects_key() const { return !frames_.empty() && frames_.back().is_mapping && !frames_.back().key; }

  void charge(std::size_t cost, int height, const YAML::Mark& mark) {
    cost_ += cost;
    if (cost_ > kMaxValues) fail(position(mark), text("more than ", kMaxValues, " values, aliases included"));
    if (static_cast<int>(frames_.size()) + height > kMaxDepth) {
      fail(position(mark), text("nested more than ", kMaxDepth, " levels deep"));
    }
  }

  void check_tag(const std::string& tag, const YAML::Mark& mark) const {
    constexpr std::string_view kStandard = "tag:yaml.org,2002:";
    if (tag.empty() || tag == "?" || tag == "!" || tag.starts_with(kStandard)) return;
    fail(position(mark), text("unknown tag '", tag, "', expected a plain value"));
  }

  void open(bool is_mapping, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    if (expects_key()) fail(position(mark), "a key must be a single name, not a list or a mapping");
    charge(1, 1, mark);
    check_tag(tag, mark);
    Frame& frame = frames_.emplace_back();
    frame.is_mapping = is_mapping;
    frame.where = position(mark);
    frame.anchor = anchor;
    frame.cost_before = cost_ - 1;
  }

  void close() {
    Frame frame = std::move(frames_.back());
    frames_.pop_back();
    for (const ConfigNode& merge : frame.merges) {
      for (const ConfigNode::Entry& entry : merge.entries()) {
        if (frame.seen.emplace(entry.key, entry.where).second) frame.entries.push_back(entry);
      }
    }
    ConfigNode node = frame.is_mapping ? ConfigNode::make_mapping(std::move(frame.entries), frame.where)
                                       : ConfigNode::make_sequence(std::move(frame.items), frame.where);
    add({std::move(node), cost_ - frame.cost_before, frame.height + 1}, frame.anchor);
  }

  void add(Built built, YAML::anchor_t anchor) {
    if (anchor != YAML::NullAnchor) anchors_[anchor] = built;
    if (frames_.empty()) {
      root_ = std::move(built.node);
      return;
    }
    Frame& frame = frames_.back();
    frame.height = std::max(frame.height, built.height);
    if (!frame.is_mapping) {
      frame.items.push_back(std::move(built.node));
    } else if (!frame.key) {
      add_key(frame, built.node);
    } else {
      add_value(frame, std::move(built.node));
    }
  }

  static void add_key(Frame& frame, const ConfigNode& key) {
    if (!key.is_scalar()) fail(key.where(), "a key must be a single name");
    if (key.scalar().size() > kMaxKeyBytes)
      fail(key.where(), text("a key of more than ", kMaxKeyBytes, " bytes"));
    const bool is_merge = key.scalar() == "<<" && !key.is_quoted();
    if (!is_merge) {
      const auto [first, is_first] = frame.seen.emplace(key.scalar(), key.where());
      if (!is_first) {
        fail(key.where(),
             text("key '", key.scalar(), "' is given twice, first in line ", first->second.line));
      }
    }
    frame.key = Key{key.scalar(), key.where(), is_merge};
  }

  static void add_value(Frame& frame, ConfigNode value) {
    const Key key = *std::exchange(frame.key, std::nullopt);
    if (!key.is_merge) {
      frame.entries.push_back({key.name, key.where, std::move(value)});
      return;
    }
    const std::vector<ConfigNode> sources = value.is_sequence() ? value.items() : std::vector{value};
    for (const ConfigNode& source : sources) {
      if (!source.is_mapping())
        fail(key.where, "'<<' merges mappings, expected an alias of a mapping or a list of them");
      frame.merges.push_back(source);
    }
  }

  std::shared_ptr<const std::string> file_;
  ConfigNode root_;
  std::size_t cost_ = 0;
  std::vector<Frame> frames_;
  std::unordered_map<YAML::anchor_t, Built> anchors_;
};

}  // namespace

ConfigNode ConfigNode::parse(std::string_view yaml, const std::string& name) {
  require_user(yaml.size() <= kMaxBytes, name, ": larger than ", kMaxBytes >> 20,
               " MiB, too large for a configuration");
  const auto file = std::make_shared<const std::string>(name);
  std::istringstream stream{std::string(yaml)};
  try {
    YAML::Parser parser(stream);
    ConfigNodeBuilder builder(file);
    if (!parser.HandleNextDocument(builder)) return make_null({file, 1, 1});
    ConfigNodeBuilder rest(file);
    const bool has_second = parser.HandleNextDocument(rest);
    require_user(!has_second, rest.take_root().where(), ": a second document begins, expected one");
    return builder.take_root();
  } catch (const YAML::Exception& error) {
    throw UserError(text(SourcePosition{file, error.mark.line + 1, error.mark.column + 1},
                         ": malformed YAML: ", error.msg));
  }
}

ConfigNode ConfigNode::load(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  require_user(in.good(), path, ": cannot be opened");
  std::string yaml(kMaxBytes + 1, '\0');
  in.read(yaml.data(), static_cast<std::streamsize>(yaml.size()));
  require_user(!in.bad() && in.gcount() >= 0 && (in.eof() || in.good()), path, ": cannot be read");
  yaml.resize(static_cast<std::size_t>(in.gcount()));
  return parse(yaml, path);
}

}  // namespace slipway
