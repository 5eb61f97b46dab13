#include <algorithm>
#include <charconv>
#include <cmath>

#include "core/base/config_fields.h"
#include "core/base/nearest.h"

namespace slipway {
namespace {

std::string found_text(const ConfigNode& node) {
  switch (node.kind()) {
    case ConfigNode::Kind::null:
      return "nothing";
    case ConfigNode::Kind::sequence:
      return "a list";
    case ConfigNode::Kind::mapping:
      return "a mapping";
    case ConfigNode::Kind::scalar:
      break;
  }
  return node.is_quoted() ? "the string \"" + node.scalar() + "\"" : "'" + node.scalar() + "'";
}

/// A number's characters without a leading plus and without the underscores between digits; "" if misplaced.
std::string number_characters(std::string_view text) {
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  const auto is_digit = [&](std::size_t i) { return i < text.size() && text[i] >= '0' && text[i] <= '9'; };
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_') {
      out += text[i];
    } else if (i == 0 || !is_digit(i - 1) || !is_digit(i + 1)) {
      return "";
    }
  }
  return out;
}

template <class Number>
bool parse_all(const std::string& text, Number& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

bool parse(const ConfigNode& node, bool& value) {
  if (!node.is_scalar() || node.is_quoted()) return false;
  const std::string& text = node.scalar();
  value = text == "true" || text == "True" || text == "TRUE";
  return value || text == "false" || text == "False" || text == "FALSE";
}

bool parse(const ConfigNode& node, double& value) {
  if (!node.is_scalar() || node.is_quoted()) return false;
  const std::string text = number_characters(node.scalar());
  if (text == ".inf" || text == "-.inf") {
    value = text[0] == '-' ? -HUGE_VAL : HUGE_VAL;
    return true;
  }
  // from_chars also takes "inf" and "nan", which YAML reads as strings.
  return parse_all(text, value) && std::isfinite(value);
}

bool parse(const ConfigNode& node, std::int64_t& value) {
  if (!node.is_scalar() || node.is_quoted()) return false;
  if (parse_all(number_characters(node.scalar()), value)) return true;
  constexpr double kExact = 9007199254740992.0;  // 2^53: beyond, a double doesn't hold every integer
  double number = 0;
  if (!parse(node, number) || std::trunc(number) != number || std::abs(number) > kExact) return false;
  value = static_cast<std::int64_t>(number);
  return true;
}

bool parse(const ConfigNode& node, std::string& value) {
  if (!node.is_scalar()) return false;
  value = node.scalar();
  return true;
}

bool accepts(const FieldInfo& info, double value) { return in_range(info, value); }
bool accepts(const FieldInfo& info, std::int64_t value) { return in_range(info, static_cast<double>(value)); }
bool accepts(const FieldInfo&, bool) { return true; }
bool accepts(const FieldInfo& info, const std::string& value) {
  return info.choices.empty() || std::ranges::find(info.choices, value) != info.choices.end();
}

bool read_chosen(const ConfigNode& node, ComponentSlot& slot, ConfigErrors& errors);

/// Reads the fields of one component from a mapping of them.
class FieldReader : public FieldVisitor {
 public:
  FieldReader(const ConfigNode& mapping, const Subject& subject, ConfigErrors& errors)
      : mapping_(mapping), subject_(subject), errors_(errors) {}

  /// Whether there was no mistake, in this component and in those inside it.
  bool ok() const { return own_ok_ && children_ok_; }
  bool own_ok() const { return own_ok_; }

  void field(const char* name, bool& value, const FieldInfo& info) override {
    read_one(name, FieldType::boolean, value, info);
  }
  void field(const char* name, std::int64_t& value, const FieldInfo& info) override {
    read_one(name, FieldType::integer, value, info);
  }
  void field(const char* name, double& value, const FieldInfo& info) override {
    read_one(name, FieldType::number, value, info);
  }
  void field(const char* name, std::string& value, const FieldInfo& info) override {
    read_one(name, FieldType::string, value, info);
  }
  void field(const char* name, std::vector<std::int64_t>& value, const FieldInfo& info) override {
    read_list(name, FieldType::integers, value, info);
  }
  void field(const char* name, std::vector<double>& value, const FieldInfo& info) override {
    read_list(name, FieldType::numbers, value, info);
  }
  void field(const char* name, std::vector<std::string>& value, const FieldInfo& info) override {
    read_list(name, FieldType::strings, value, info);
  }
  void field(const char* name, std::optional<std::int64_t>& value, const FieldInfo& info) override {
    read_optional(name, FieldType::optional_integer, value, info);
  }
  void field(const char* name, std::optional<double>& value, const FieldInfo& info) override {
    read_optional(name, FieldType::optional_number, value, info);
  }
  void field(const char* name, std::optional<std::string>& value, const FieldInfo& info) override {
    read_optional(name, FieldType::optional_string, value, info);
  }
  void field(const char* name, Component& value, const FieldInfo& info) override {
    const ConfigNode::Entry* entry = find(name, FieldType::component, info);
    if (entry == nullptr && info.required) return;
    const SourcePosition& where = entry ? entry->where : subject_.where;
    children_ok_ &= read_fields(entry ? entry->value : ConfigNode::make_null(where), {label(name), where},
                                value, errors_);
  }
  void field(const char* name, ComponentSlot& value, const FieldInfo& info) override {
    const ConfigNode::Entry* entry = find(name, FieldType::slot, info, value.kind);
    if (entry != nullptr && entry->value.is_null() && info.required) {
      mistake(name, entry->value, expectation(FieldType::slot, info, value.kind));
    } else if (entry != nullptr) {
      children_ok_ &= read_chosen(entry->value, value, errors_);
    } else if (value) {
      value.where = value.component->where = subject_.where;
    }
  }
  void field(const char* name, ConfigNode& value, const FieldInfo& info) override {
    const ConfigNode::Entry* entry = find(name, FieldType::yaml, info);
    if (entry == nullptr) return;
    value = entry->value;
    const bool is_list = *info.list_of != '\0', is_blocks = *info.blocks_of != '\0';
    const bool is_absent = value.is_null() && !info.required;
    const bool fits = is_absent || (is_list ? value.is_sequence() : !is_blocks || value.is_mapping());
    if (!fits) mistake(name, value, expectation(FieldType::yaml, info));
  }

 protected:
  void slot_list(const char* name, const ComponentKind& kind, std::vector<ComponentSlot>& value,
                 const FieldInfo& info) override {
    const ConfigNode::Entry* entry = find(name, FieldType::slots, info, &kind);
    if (entry == nullptr) return;
    const ConfigNode& list = entry->value;
    if (!list.is_sequence()) return mistake(name, list, expectation(FieldType::slots, info, &kind));
    value.clear();
    for (const ConfigNode& item : list.items()) {
      ComponentSlot& slot = value.emplace_back();
      slot.kind = &kind;
      if (item.is_null()) {
        mistake(name, item, expectation(FieldType::slot, info, &kind));
      } else {
        children_ok_ &= read_chosen(item, slot, errors_);
      }
    }
  }

 private:
  std::string label(const char* name) const {
    return subject_.name.empty() ? name : subject_.name + "." + name;
  }

  void mistake(const char* name, const ConfigNode& node, const std::string& expected) {
    errors_.add(node.where(), text(label(name), ": expected ", expected, ", got ", found_text(node)));
    own_ok_ = false;
  }

  const ConfigNode::Entry* find(const char* name, FieldType type, const FieldInfo& info,
                                const ComponentKind* kind = nullptr) {
    const auto found = std::ranges::find(mapping_.entries(), name, &ConfigNode::Entry::key);
    if (found != mapping_.entries().end()) return &*found;
    if (info.required) {
      errors_.add(subject_.where, text(subject_.prefix(), "missing key '", name, "', expected ",
                                       expectation(type, info, kind)));
      own_ok_ = false;
    }
    return nullptr;
  }

  template <class Value>
  void read_value(const char* name, const ConfigNode& node, FieldType type, Value& value,
                  const FieldInfo& info) {
    Value read{};
    const bool is_typed = parse(node, read);
    if (is_typed && accepts(info, read)) {
      value = std::move(read);
    } else if (is_typed && !info.choices.empty()) {
      errors_.add(node.where(), text(label(name), ": ", unknown_name("value", node.scalar(), info.choices)));
      own_ok_ = false;
    } else {
      mistake(name, node, expectation(type, info));
    }
  }

  template <class Value>
  void read_one(const char* name, FieldType type, Value& value, const FieldInfo& info) {
    const ConfigNode::Entry* entry = find(name, type, info);
    if (entry != nullptr) read_value(name, entry->value, type, value, info);
  }

  template <class Value>
  void read_optional(const char* name, FieldType type, std::optional<Value>& value, const FieldInfo& info) {
    const ConfigNode::Entry* entry = find(name, type, info);
    if (entry == nullptr) return;
    value.reset();
    if (!entry->value.is_null()) read_value(name, entry->value, type, value.emplace(), info);
  }

  template <class Value>
  void read_list(const char* name, FieldType type, std::vector<Value>& values, const FieldInfo& info) {
    const ConfigNode::Entry* entry = find(name, type, info);
    if (entry == nullptr) return;
    const ConfigNode& node = entry->value;
    if (!node.is_scalar() && !node.is_sequence()) return mistake(name, node, expectation(type, info));
    const std::vector<ConfigNode> items = node.is_sequence() ? node.items() : std::vector{node};
    values.clear();
    for (const ConfigNode& item : items) {
      read_value(name, item, element_type(type), values.emplace_back(), info);
    }
  }

  const ConfigNode& mapping_;
  const Subject& subject_;
  ConfigErrors& errors_;
  bool own_ok_ = true, children_ok_ = true;
};

/// The node as a mapping of fields: itself, the positional field alone, or nothing set. Null kind after a
/// mistake.
ConfigNode as_mapping(const ConfigNode& node, const Subject& subject, const std::vector<FieldSummary>& fields,
                      ConfigErrors& errors) {
  if (node.is_mapping()) return node;
  if (node.is_null()) return ConfigNode::make_mapping({}, node.where());
  if (const FieldSummary* positional = positional_field(fields, node)) {
    return ConfigNode::make_mapping({{positional->name, node.where(), node}}, node.where());
  }
  errors.add(node.where(), text(subject.prefix(), fields.empty() ? "has no settings" : "expected a mapping",
                                ", got ", found_text(node)));
  return {};
}

/// Reports keys that no field has.
bool check_keys(const ConfigNode& mapping, const Subject& subject, const std::vector<FieldSummary>& fields,
                ConfigErrors& errors) {
  std::vector<std::string> known;
  for (const FieldSummary& field : fields) known.push_back(field.name);
  bool ok = true;
  for (const ConfigNode::Entry& entry : mapping.entries()) {
    if (std::ranges::find(known, entry.key) != known.end()) continue;
    errors.add(entry.where, subject.prefix() + (known.empty() ? text("has no settings, got '", entry.key, "'")
                                                              : unknown_name("key", entry.key, known)));
    ok = false;
  }
  return ok;
}

bool read_chosen(const ConfigNode& node, ComponentSlot& slot, ConfigErrors& errors) {
  slot.name.clear();
  slot.component = nullptr;
  slot.where = node.where();
  if (node.is_null()) return true;
  const ComponentKind& kind = *slot.kind;
  const bool is_choice = node.is_scalar() || (node.is_mapping() && node.entries().size() == 1);
  if (!is_choice) {
    std::string found = found_text(node);
    if (node.is_mapping()) {
      std::string keys;
      for (const ConfigNode::Entry& entry : node.entries()) keys += (keys.empty() ? ": " : ", ") + entry.key;
      found = text("a mapping of ", node.entries().size(), " keys", keys);
    }
    errors.add(node.where(), text("expected ", expectation(FieldType::slot, {}, &kind),
                                  " as `name` or `name: settings`, got ", found));
    return false;
  }
  const std::string& name = node.is_scalar() ? node.scalar() : node.entries()[0].key;
  if (node.is_mapping()) slot.where = node.entries()[0].where;
  const ComponentEntry* entry = kind.find(name);
  if (entry == nullptr) {
    errors.add(slot.where, unknown_name(kind.name(), name, kind.names()));
    return false;
  }
  slot.name = name;
  slot.component = entry->make();
  const ConfigNode settings = node.is_scalar() ? ConfigNode::make_null(slot.where) : node.entries()[0].value;
  return read_fields(settings, {name, slot.where}, *slot.component, errors);
}

}  // namespace

bool read_fields(const ConfigNode& node, const Subject& subject, Component& component, ConfigErrors& errors) {
  component.where = subject.where;
  const std::vector<FieldSummary> fields = list_fields(component);
  const ConfigNode mapping = as_mapping(node, subject, fields, errors);
  component.flawed = true;
  if (!mapping.is_mapping()) return false;
  const bool keys_known = check_keys(mapping, subject, fields, errors);
  FieldReader reader(mapping, subject, errors);
  component.fields(reader);
  component.flawed = !keys_known || !reader.own_ok();
  if (component.flawed || !reader.ok()) return false;
  ConfigErrors found;
  component.check(found);
  component.flawed = !found.empty();
  errors.add_all(found);
  return true;
}

void read_component(const ConfigNode& node, Component& component, ConfigErrors& errors) {
  read_fields(node, {"", node.where()}, component, errors);
}

void read_slot(const ConfigNode& node, ComponentSlot& slot, ConfigErrors& errors) {
  read_chosen(node, slot, errors);
}

}  // namespace slipway
