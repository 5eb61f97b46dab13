#include "core/base/config_blocks.h"

#include <algorithm>
#include <functional>
#include <set>

#include "core/base/config_fields.h"
#include "core/base/nearest.h"

namespace slipway {
namespace {

constexpr std::size_t kMaxVisits = 200'000;
constexpr int kMaxDepth = 200;

struct Parameter {
  std::string name;
  ConfigNode fallback;  // null: required
};

struct Block {
  SourcePosition where;
  std::vector<Parameter> parameters;
  ConfigNode body;
  bool is_broken = false;  // reported already, uses expand to nothing

  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const Parameter& parameter : parameters) all.push_back(parameter.name);
    return all;
  }
};

using Blocks = std::map<std::string, Block, std::less<>>;
using Arguments = std::map<std::string, ConfigNode, std::less<>>;

/// A definition as it stands in the file.
struct BlockDefinition : Component {
  explicit BlockDefinition(const ComponentKind& kind) : kind(kind) {}

  const ComponentKind& kind;
  ConfigNode parameters;
  ConfigNode body;

  void fields(FieldVisitor& visit) override {
    visit.field("parameters", parameters, {.help = "names with defaults, null: an argument is required"});
    visit.field("layers", body,
                {.help = "what a use stands for",
                 .required = true,
                 .positional = true,
                 .list_of = kind.name().c_str()});
  }
};

/// The parameter that a scalar stands for, or nothing. A quoted scalar is text.
std::optional<std::string> reference(const ConfigNode& node) {
  if (!node.is_scalar() || node.is_quoted() || !node.scalar().starts_with('$')) return std::nullopt;
  return node.scalar().substr(1);
}

void for_each_scalar(const ConfigNode& node, const std::function<void(const ConfigNode&)>& visit) {
  if (node.is_scalar()) visit(node);
  for (const ConfigNode& item : node.items()) for_each_scalar(item, visit);
  for (const ConfigNode::Entry& entry : node.entries()) for_each_scalar(entry.value, visit);
}

ConfigNode moved_to(const ConfigNode& node, const SourcePosition& where) {
  switch (node.kind()) {
    case ConfigNode::Kind::null:
      return ConfigNode::make_null(where);
    case ConfigNode::Kind::sequence:
      return ConfigNode::make_sequence(node.items(), where);
    case ConfigNode::Kind::mapping:
      return ConfigNode::make_mapping(node.entries(), where);
    case ConfigNode::Kind::scalar:
      break;
  }
  return node.is_quoted() ? ConfigNode::make_string(node.scalar(), where)
                          : ConfigNode::make_scalar(node.scalar(), where);
}

/// A copy of the tree with `change` applied to each child.
template <class Change>
ConfigNode with_children(const ConfigNode& node, const Change& change) {
  if (node.is_sequence()) {
    std::vector<ConfigNode> items;
    for (const ConfigNode& item : node.items()) items.push_back(change(item));
    return ConfigNode::make_sequence(std::move(items), node.where());
  }
  if (node.is_mapping()) {
    std::vector<ConfigNode::Entry> entries = node.entries();
    for (ConfigNode::Entry& entry : entries) entry.value = change(entry.value);
    return ConfigNode::make_mapping(std::move(entries), node.where());
  }
  return node;
}

/// Reads the definitions and checks each without regard to the others.
class BlockReader {
 public:
  BlockReader(const ComponentKind& kind, ConfigErrors& errors) : kind_(kind), errors_(errors) {}

  Blocks read(const ConfigNode& blocks) {
    Blocks all;
    if (!blocks.is_null() && !blocks.is_mapping()) {
      errors_.add(blocks.where(), "blocks: expected a mapping of names to blocks");
    }
    for (const ConfigNode::Entry& entry : blocks.entries()) {
      if (kind_.find(entry.key) != nullptr) {
        errors_.add(entry.where, text("block '", entry.key, "' has the name of a registered ", kind_.name()));
      } else {
        all.emplace(entry.key, read_block(entry));
      }
    }
    return all;
  }

 private:
  Block read_block(const ConfigNode::Entry& entry) {
    Block block;
    block.where = entry.where;
    ConfigErrors own;
    BlockDefinition definition(kind_);
    read_fields(entry.value, {entry.key, entry.where}, definition, own);
    if (!definition.parameters.is_null() && !definition.parameters.is_mapping()) {
      own.add(definition.parameters.where(),
              text(entry.key, ".parameters: expected a mapping of names to defaults"));
    }
    for (const ConfigNode::Entry& parameter : definition.parameters.entries()) {
      block.parameters.push_back({parameter.key, parameter.value});
      for_each_scalar(parameter.value, [&](const ConfigNode& scalar) {
        if (!reference(scalar)) return;
        own.add(scalar.where(),
                text(entry.key, ": a default cannot refer to a parameter, got '", scalar.scalar(), "'"));
      });
    }
    block.body = definition.body;
    check_references(entry.key, block, own);
    block.is_broken = !own.empty();
    errors_.add_all(own);
    return block;
  }

  static void check_references(const std::string& name, const Block& block, ConfigErrors& errors) {
    const std::vector<std::string> known = block.names();
    for_each_scalar(block.body, [&](const ConfigNode& scalar) {
      const std::optional<std::string> used = reference(scalar);
      if (!used || std::ranges::find(known, *used) != known.end()) return;
      errors.add(scalar.where(), text(name, ": ",
                                      known.empty() ? text("has no parameters, got '$", *used, "'")
                                                    : unknown_name("parameter", *used, known)));
    });
  }

  const ComponentKind& kind_;
  ConfigErrors& errors_;
};

class BlockExpander {
 public:
  BlockExpander(Blocks blocks, const BlockTarget& target, ConfigErrors& errors)
      : blocks_(std::move(blocks)), target_(target), errors_(errors) {}

  /// Finds the cycles among the definitions, used or not.
  void check_cycles() {
    is_checking_ = true;
    for (const auto& [name, block] : blocks_) check(name);
    is_checking_ = false;
  }

  ConfigNode expand_list(const ConfigNode& list) { return expand_anything(list); }

 private:
  using FieldList = std::vector<FieldSummary>;

  /// Bounds depth and work for as long as it lives.
  class Visit {
   public:
    Visit(BlockExpander& expander, const ConfigNode& node) : depth_(expander.depth_) {
      ++depth_;
      const bool is_reasonable = depth_ <= kMaxDepth && ++expander.visits_ <= kMaxVisits;
      require_user(is_reasonable, node.where(), ": blocks expand to more than ", kMaxVisits, " values or ",
                   kMaxDepth, " levels");
    }
    ~Visit() { --depth_; }
    Visit(const Visit&) = delete;
    Visit& operator=(const Visit&) = delete;

   private:
    int& depth_;
  };

  /// The name that a component is chosen by: `name` or `name: settings`.
  static std::string_view chosen(const ConfigNode& node) {
    if (node.is_scalar()) return node.scalar();
    return node.is_mapping() && node.entries().size() == 1 ? std::string_view(node.entries()[0].key) : "";
  }

  static ConfigNode settings(const ConfigNode& node) {
    return node.is_mapping() ? node.entries()[0].value : ConfigNode::make_null(node.where());
  }

  void report_cycle(const std::string& name) {
    const auto first = std::ranges::find(stack_, name);
    std::string cycle;
    for (auto each = first; each != stack_.end(); ++each) {
      cycle += *each + " -> ";
      blocks_.find(*each)->second.is_broken = true;
    }
    errors_.add(blocks_.find(name)->second.where, text("block '", name, "' contains itself: ", cycle, name));
  }

  /// Follows each definition once, without arguments.
  void check(const std::string& name) {
    if (std::ranges::find(stack_, name) != stack_.end()) return report_cycle(name);
    if (!checked_.insert(name).second) return;
    stack_.push_back(name);
    expand_anything(blocks_.find(name)->second.body);
    stack_.pop_back();
  }

  /// A place where a component is chosen.
  ConfigNode expand_choice(const ConfigNode& node) {
    const Visit visit(*this, node);
    const std::string_view name = chosen(node);
    if (const auto block = blocks_.find(name); block != blocks_.end()) return expand_use(node, block->first);
    const ComponentEntry* entry = target_.kind.find(name);
    if (entry == nullptr || !node.is_mapping()) return node.is_sequence() ? expand_anything(node) : node;
    const std::shared_ptr<Component> component = entry->make();
    const ConfigNode inner = expand_fields(settings(node), list_fields(*component));
    return ConfigNode::make_mapping({{entry->name, node.entries()[0].where, inner}}, node.where());
  }

  /// The settings of a component with these fields.
  ConfigNode expand_fields(const ConfigNode& node, const FieldList& fields) {
    const Visit visit(*this, node);
    if (!node.is_mapping()) {
      const FieldSummary* positional = node.is_null() ? nullptr : positional_field(fields, node);
      return positional == nullptr ? node : expand_field(node, *positional);
    }
    std::vector<ConfigNode::Entry> entries = node.entries();
    for (ConfigNode::Entry& entry : entries) {
      const auto field = std::ranges::find(fields, entry.key, &FieldSummary::name);
      if (field != fields.end()) entry.value = expand_field(entry.value, *field);
    }
    return ConfigNode::make_mapping(std::move(entries), node.where());
  }

  ConfigNode expand_field(const ConfigNode& node, const FieldSummary& field) {
    switch (field.type) {
      case FieldType::slot:
        return field.kind == &target_.kind ? expand_choice(node) : node;
      case FieldType::slots:
        return field.kind == &target_.kind ? expand_anything(node) : node;
      case FieldType::component:
        return expand_fields(node, list_fields(*field.component));
      case FieldType::yaml:
        return expand_anything(node);
      default:
        return node;
    }
  }

  /// YAML without known fields: what stands in a list is a choice.
  ConfigNode expand_anything(const ConfigNode& node) {
    const Visit visit(*this, node);
    if (node.is_sequence())
      return with_children(node, [&](const ConfigNode& item) { return expand_choice(item); });
    return with_children(node, [&](const ConfigNode& child) {
      return child.is_scalar()                 ? child
             : blocks_.contains(chosen(child)) ? expand_choice(child)
                                               : expand_anything(child);
    });
  }

  ConfigNode expand_use(const ConfigNode& use, const std::string& name) {
    if (is_checking_) {
      check(name);
      return expand_anything(settings(use));
    }
    const Block& block = blocks_.find(name)->second;
    const auto wrapped = [&](ConfigNode body) {
      return ConfigNode::make_mapping({{target_.sequence, use.where(), std::move(body)}}, use.where());
    };
    if (std::ranges::find(stack_, name) != stack_.end() && !block.is_broken) report_cycle(name);
    if (block.is_broken) return wrapped(ConfigNode::make_sequence({}, use.where()));
    const std::optional<Arguments> arguments = bind(use, name, block);
    if (!arguments) return wrapped(ConfigNode::make_sequence({}, use.where()));
    stack_.push_back(name);
    ConfigNode body = expand_anything(substituted(block.body, *arguments));
    stack_.pop_back();
    return wrapped(std::move(body));
  }

  /// The value of every parameter, or nothing after a mistake. Uses within arguments expand here, where they
  /// are written.
  std::optional<Arguments> bind(const ConfigNode& use, const std::string& name, const Block& block) {
    const ConfigNode given = settings(use);
    std::vector<ConfigNode::Entry> entries = given.entries();
    if (!given.is_mapping() && !given.is_null()) {
      const std::string first = block.parameters.empty() ? "" : block.parameters[0].name;
      entries.push_back({first, given.where(), given});
    }
    Arguments arguments;
    bool ok = true;
    const std::vector<std::string> known = block.names();
    for (const ConfigNode::Entry& entry : entries) {
      if (std::ranges::find(known, entry.key) == known.end()) {
        errors_.add(entry.where, text(name, ": ",
                                      known.empty() ? "has no parameters, got an argument"
                                                    : unknown_name("argument", entry.key, known)));
        ok = false;
      }
      const bool is_use = !entry.value.is_scalar() && blocks_.contains(chosen(entry.value));
      arguments[entry.key] = is_use ? expand_choice(entry.value) : expand_anything(entry.value);
    }
    for (const Parameter& parameter : block.parameters) {
      if (arguments.contains(parameter.name)) continue;
      if (parameter.fallback.is_null()) {
        errors_.add(use.where(), text(name, ": missing argument '", parameter.name, "'"));
        ok = false;
      }
      arguments[parameter.name] = parameter.fallback;
    }
    return ok ? std::optional(std::move(arguments)) : std::nullopt;
  }

  ConfigNode substituted(const ConfigNode& node, const Arguments& arguments) {
    const Visit visit(*this, node);
    if (const std::optional<std::string> name = reference(node)) {
      return moved_to(arguments.find(*name)->second, node.where());
    }
    return with_children(node, [&](const ConfigNode& child) { return substituted(child, arguments); });
  }

  Blocks blocks_;
  const BlockTarget& target_;
  ConfigErrors& errors_;
  bool is_checking_ = false;
  std::set<std::string> checked_;
  std::vector<std::string> stack_;  // blocks being expanded
  int depth_ = 0;
  std::size_t visits_ = 0;
};

}  // namespace

ConfigNode expand_blocks(const ConfigNode& list, const ConfigNode& blocks, const BlockTarget& target,
                         ConfigErrors& errors) {
  for_each_scalar(list, [&](const ConfigNode& scalar) {
    if (!reference(scalar)) return;
    errors.add(scalar.where(),
               text("'", scalar.scalar(), "' stands for a parameter, but is outside of a block"));
  });
  BlockExpander expander(BlockReader(target.kind, errors).read(blocks), target, errors);
  expander.check_cycles();
  return expander.expand_list(list);
}

}  // namespace slipway
