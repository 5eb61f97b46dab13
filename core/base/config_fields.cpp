#include "core/base/config_fields.h"

#include <algorithm>
#include <cmath>

#include "core/base/shortest.h"

namespace slipway {
namespace {

ConfigNode to_node(bool value) { return ConfigNode::make_scalar(value ? "true" : "false", {}); }
ConfigNode to_node(std::int64_t value) { return ConfigNode::make_scalar(shortest(value), {}); }
ConfigNode to_node(const std::string& value) { return ConfigNode::make_string(value, {}); }
ConfigNode to_node(const ConfigNode& value) { return value; }
ConfigNode to_node(const ComponentSlot& value) { return write_slot(value); }
ConfigNode to_node(const Component& value) { return write_component(value); }

ConfigNode to_node(double value) {
  if (std::isnan(value)) return ConfigNode::make_scalar(".nan", {});
  if (std::isinf(value)) return ConfigNode::make_scalar(value > 0 ? ".inf" : "-.inf", {});
  std::string text = shortest(value);
  // Readers of YAML 1.1 take 1e-04 for a string.
  const std::size_t exponent = text.find('e');
  if (exponent != std::string::npos && text.find('.') == std::string::npos) text.insert(exponent, ".0");
  return ConfigNode::make_scalar(std::move(text), {});
}

template <class Value>
ConfigNode to_node(const std::optional<Value>& value) {
  return value ? to_node(*value) : ConfigNode();
}

template <class Value>
ConfigNode to_node(const std::vector<Value>& values) {
  std::vector<ConfigNode> items;
  for (const Value& value : values) items.push_back(to_node(value));
  return ConfigNode::make_sequence(std::move(items), {});
}

class FieldLister : public FieldVisitor {
 public:
  std::vector<FieldSummary> take() { return std::move(fields_); }

  void field(const char* name, bool& value, const FieldInfo& info) override {
    add(name, FieldType::boolean, value, info);
  }
  void field(const char* name, std::int64_t& value, const FieldInfo& info) override {
    add(name, FieldType::integer, value, info);
  }
  void field(const char* name, double& value, const FieldInfo& info) override {
    add(name, FieldType::number, value, info);
  }
  void field(const char* name, std::string& value, const FieldInfo& info) override {
    add(name, FieldType::string, value, info);
  }
  void field(const char* name, std::vector<std::int64_t>& value, const FieldInfo& info) override {
    add(name, FieldType::integers, value, info);
  }
  void field(const char* name, std::vector<double>& value, const FieldInfo& info) override {
    add(name, FieldType::numbers, value, info);
  }
  void field(const char* name, std::vector<std::string>& value, const FieldInfo& info) override {
    add(name, FieldType::strings, value, info);
  }
  void field(const char* name, std::optional<std::int64_t>& value, const FieldInfo& info) override {
    add(name, FieldType::optional_integer, value, info);
  }
  void field(const char* name, std::optional<double>& value, const FieldInfo& info) override {
    add(name, FieldType::optional_number, value, info);
  }
  void field(const char* name, std::optional<std::string>& value, const FieldInfo& info) override {
    add(name, FieldType::optional_string, value, info);
  }
  void field(const char* name, Component& value, const FieldInfo& info) override {
    add(name, FieldType::component, value, info).component = &value;
  }
  void field(const char* name, ComponentSlot& value, const FieldInfo& info) override {
    add(name, FieldType::slot, value, info).kind = value.kind;
  }
  void field(const char* name, ConfigNode& value, const FieldInfo& info) override {
    add(name, FieldType::yaml, value, info);
  }

 protected:
  void slot_list(const char* name, const ComponentKind& kind, std::vector<ComponentSlot>& value,
                 const FieldInfo& info) override {
    add(name, FieldType::slots, value, info).kind = &kind;
  }

 private:
  template <class Value>
  FieldSummary& add(const char* name, FieldType type, const Value& value, const FieldInfo& info) {
    return fields_.emplace_back(
        FieldSummary{.name = name, .type = type, .info = info, .value = to_node(value)});
  }

  std::vector<FieldSummary> fields_;
};

std::string joined(const std::vector<std::string>& names) {
  std::string all;
  for (const std::string& name : names) all += (all.empty() ? "" : ", ") + name;
  return all;
}

std::string with_article(const std::string& noun) {
  const bool vowel = std::string_view("aeiou").find(noun.front()) != std::string_view::npos;
  return (vowel ? "an " : "a ") + noun;
}

}  // namespace

std::vector<FieldSummary> list_fields(Component& component) {
  FieldLister lister;
  component.fields(lister);
  return lister.take();
}

ConfigNode write_component(const Component& component) {
  std::vector<ConfigNode::Entry> entries;
  // fields() lets a visitor change what it visits; the lister only looks.
  for (FieldSummary& field : list_fields(const_cast<Component&>(component))) {
    entries.push_back({std::move(field.name), {}, std::move(field.value)});
  }
  return ConfigNode::make_mapping(std::move(entries), {});
}

ConfigNode write_slot(const ComponentSlot& slot) {
  if (!slot) return {};
  ConfigNode settings = write_component(*slot.component);
  if (settings.entries().empty()) return ConfigNode::make_string(slot.name, {});
  return ConfigNode::make_mapping({{slot.name, {}, std::move(settings)}}, {});
}

FieldType element_type(FieldType type) {
  switch (type) {
    case FieldType::integers:
    case FieldType::optional_integer:
      return FieldType::integer;
    case FieldType::numbers:
    case FieldType::optional_number:
      return FieldType::number;
    case FieldType::strings:
    case FieldType::optional_string:
      return FieldType::string;
    case FieldType::slots:
      return FieldType::slot;
    default:
      return type;
  }
}

bool is_list(FieldType type) {
  return type == FieldType::integers || type == FieldType::numbers || type == FieldType::strings ||
         type == FieldType::slots;
}

bool is_optional(FieldType type) {
  return type == FieldType::optional_integer || type == FieldType::optional_number ||
         type == FieldType::optional_string;
}

std::string range_text(const FieldInfo& info) {
  const bool open_below = info.above >= info.min, open_above = info.below <= info.max;
  const double low = open_below ? info.above : info.min, high = open_above ? info.below : info.max;
  const std::string low_text = to_node(low).scalar(), high_text = to_node(high).scalar();
  if (std::isinf(low) && std::isinf(high)) return "";
  if (std::isinf(high)) return (open_below ? "> " : ">= ") + low_text;
  if (std::isinf(low)) return (open_above ? "< " : "<= ") + high_text;
  return text("in ", open_below ? '(' : '[', low_text, ", ", high_text, open_above ? ')' : ']');
}

bool in_range(const FieldInfo& info, double value) {
  return value >= info.min && value <= info.max &&
         (value > info.above || info.above == -std::numeric_limits<double>::infinity()) &&
         (value < info.below || info.below == std::numeric_limits<double>::infinity());
}

std::string expectation(FieldType type, const FieldInfo& info, const ComponentKind* kind) {
  const std::string range = range_text(info);
  const std::string bounds = range.empty() ? "" : " " + range;
  const std::string choices = info.choices.empty() ? "" : "one of " + joined(info.choices);
  switch (type) {
    case FieldType::boolean:
      return "true or false";
    case FieldType::integer:
      return "an integer" + bounds;
    case FieldType::number:
      return "a number" + bounds;
    case FieldType::string:
      return choices.empty() ? "a string" : choices;
    case FieldType::integers:
      return "a list of integers" + bounds;
    case FieldType::numbers:
      return "a list of numbers" + bounds;
    case FieldType::strings:
      return choices.empty() ? "a list of strings" : "a list, each " + choices;
    case FieldType::optional_integer:
    case FieldType::optional_number:
    case FieldType::optional_string:
      return expectation(element_type(type), info) + " or null";
    case FieldType::component:
      return "a mapping";
    case FieldType::slot:
      return with_article(kind->name());
    case FieldType::slots:
      return "a list, each " + with_article(kind->name());
    case FieldType::yaml:
      break;
  }
  if (*info.list_of != '\0') return "a list, each " + with_article(info.list_of);
  return *info.blocks_of != '\0' ? "a mapping of names to blocks" : "a value";
}

const FieldSummary* positional_field(const std::vector<FieldSummary>& fields, const ConfigNode& value) {
  const auto fits = [&](const FieldSummary& field) {
    const bool takes_any = field.type == FieldType::yaml || field.type == FieldType::component;
    const bool takes_list = is_list(field.type), takes_scalar = field.type != FieldType::slots;
    return field.info.positional && (takes_any || (value.is_sequence() ? takes_list : takes_scalar));
  };
  auto found = std::ranges::find_if(fields, fits);
  if (found == fields.end()) {
    found = std::ranges::find_if(fields, [](const FieldSummary& field) { return field.info.positional; });
  }
  return found == fields.end() ? nullptr : &*found;
}

}  // namespace slipway
