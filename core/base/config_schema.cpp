#include "core/base/config_schema.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "core/base/config_fields.h"

namespace slipway {
namespace {

using nlohmann::json;

constexpr const char* kParameter = "\\$[A-Za-z_][A-Za-z0-9_]*";
constexpr const char* kInteger = "[-+]?[0-9]+(_[0-9]+)+";
constexpr const char* kNumber = "[-+]?([0-9]+(_[0-9]+)*)?\\.?[0-9]+(_[0-9]+)*\\.?([eE][-+]?[0-9]+)?";

/// Infinities have no JSON: nothing then.
std::optional<json> number_json(double value) {
  if (!std::isfinite(value)) return std::nullopt;
  if (std::trunc(value) == value && std::abs(value) < 1e15) return json(static_cast<std::int64_t>(value));
  return json(value);
}

std::optional<json> scalar_json(const std::string& text) {
  if (text == "true" || text == "false") return json(text == "true");
  std::int64_t integer = 0;
  double number = 0;
  const char* end = text.data() + text.size();
  if (std::from_chars(text.data(), end, integer).ptr == end) return json(integer);
  if (std::from_chars(text.data(), end, number).ptr == end) return number_json(number);
  return std::nullopt;
}

/// What write_component wrote, as JSON.
std::optional<json> to_json(const ConfigNode& node) {
  if (node.is_null()) return json();
  if (node.is_scalar())
    return node.is_quoted() ? std::optional<json>(node.scalar()) : scalar_json(node.scalar());
  json all = node.is_sequence() ? json::array() : json::object();
  for (const ConfigNode& item : node.items()) {
    const std::optional<json> value = to_json(item);
    if (!value) return std::nullopt;
    all.push_back(*value);
  }
  for (const ConfigNode::Entry& entry : node.entries()) {
    const std::optional<json> value = to_json(entry.value);
    if (!value) return std::nullopt;
    all[entry.key] = *value;
  }
  return all;
}

json any_of(std::initializer_list<json> alternatives) { return {{"anyOf", alternatives}}; }

class SchemaWriter {
 public:
  json write(Component& root) {
    find_block_kinds(root);
    json schema = settings(list_fields(root), Place::file);
    while (!pending_.empty()) {
      const ComponentKind* kind = pending_.back();
      pending_.pop_back();
      define(*kind);
    }
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema";
    schema["title"] = "Slipway configuration";
    schema["$defs"] = std::move(definitions_);
    return schema;
  }

 private:
  enum class Place { file, block };       // whether `$parameter` may stand for a value
  enum class Form { any, single, list };  // of a list field: a list of one may be written as its element
  using FieldList = std::vector<FieldSummary>;

  void find_block_kinds(Component& component) {
    for (const FieldSummary& field : list_fields(component)) {
      if (*field.info.blocks_of != '\0') block_kinds_.insert(field.info.blocks_of);
      if (field.component != nullptr) find_block_kinds(*field.component);
    }
  }

  json reference(const ComponentKind& kind) {
    if (seen_.insert(kind.name()).second) pending_.push_back(&kind);
    return {{"$ref", "#/$defs/" + kind.name()}};
  }

  json reference(const char* kind_name) {
    const auto found =
        std::ranges::find(component_kinds(), std::string_view(kind_name), &ComponentKind::name);
    require(found != component_kinds().end(), "schema: a field refers to '", kind_name,
            "', which is no kind");
    return reference(**found);
  }

  static bool needs_settings(const FieldList& fields) {
    return std::ranges::any_of(fields, [](const FieldSummary& field) {
      const bool inner = field.component != nullptr && needs_settings(list_fields(*field.component));
      return field.info.required || inner;
    });
  }

  /// `$defs` of a kind and of each of its components.
  void define(const ComponentKind& kind) {
    const Place place = block_kinds_.empty() ? Place::file : Place::block;
    json names = json::array(), help = json::array(), properties = json::object();
    for (const auto& [name, entry] : kind.entries()) {
      const std::shared_ptr<Component> component = entry.make();
      const FieldList fields = list_fields(*component);
      const std::string id = kind.name() + "." + name;
      definitions_[id] = with_shorthand(fields, place);
      definitions_[id]["description"] = entry.summary;
      properties[name] = {{"$ref", "#/$defs/" + id}, {"description", entry.summary}};
      if (needs_settings(fields)) continue;
      names.push_back(name);
      help.push_back(entry.summary);
    }
    json alternatives = json::array();
    if (!names.empty())
      alternatives.push_back({{"type", "string"}, {"enum", names}, {"enumDescriptions", help}});
    alternatives.push_back({{"type", "object"},
                            {"properties", properties},
                            {"additionalProperties", false},
                            {"minProperties", 1},
                            {"maxProperties", 1}});
    if (block_kinds_.contains(kind.name())) {
      add_block_use(kind, alternatives);
    } else if (place == Place::block) {
      alternatives.push_back(parameter());
    }
    definitions_[kind.name()] = {{"oneOf", alternatives}};
  }

  /// A block's name is any that no component has; `$parameter` is a special case of that.
  static void add_block_use(const ComponentKind& kind, json& alternatives) {
    const json other = {{"not", {{"enum", kind.names()}}}};
    json name = other;
    name["type"] = "string";
    alternatives.push_back(name);
    alternatives.push_back(
        {{"type", "object"}, {"propertyNames", other}, {"minProperties", 1}, {"maxProperties", 1}});
  }

  /// In a block, an argument may stand for the whole value.
  static json or_parameter(const json& schema, Place place) {
    return place == Place::block ? any_of({schema, parameter()}) : schema;
  }

  static json parameter() { return {{"type", "string"}, {"pattern", text("^", kParameter, "$")}}; }

  /// A mapping of the fields, and nothing else.
  json settings(const FieldList& fields, Place place) {
    json properties = json::object(), required = json::array();
    for (const FieldSummary& field : fields) {
      properties[field.name] = described(field, place);
      if (field.info.required) required.push_back(field.name);
    }
    json schema = {{"type", "object"}, {"properties", properties}, {"additionalProperties", false}};
    if (!required.empty()) schema["required"] = required;
    return schema;
  }

  /// Settings, or a value for the positional field, or null where nothing is required.
  json with_shorthand(const FieldList& fields, Place place) {
    json alternatives = json::array({settings(fields, place)});
    const FieldSummary* of_scalar = positional_field(fields, ConfigNode::make_scalar("", {}));
    const FieldSummary* of_list = positional_field(fields, ConfigNode::make_sequence({}, {}));
    if (of_scalar != nullptr) {
      alternatives.push_back(described(*of_scalar, place, of_scalar == of_list ? Form::any : Form::single));
      if (of_scalar != of_list) alternatives.push_back(described(*of_list, place, Form::list));
    }
    if (!needs_settings(fields)) alternatives.push_back({{"type", "null"}});
    return alternatives.size() == 1 ? alternatives[0] : json{{"anyOf", alternatives}};
  }

  json described(const FieldSummary& field, Place place, Form form = Form::any) {
    json schema = value(field, place, form);
    if (*field.info.help != '\0') schema["description"] = field.info.help;
    const std::optional<json> fallback = to_json(field.value);
    if (!field.info.required && fallback) schema["default"] = *fallback;
    return schema;
  }

  json value(const FieldSummary& field, Place place, Form form) {
    switch (field.type) {
      case FieldType::component:
        return with_shorthand(list_fields(*field.component), place);
      case FieldType::slot: {
        const json choice = reference(*field.kind);
        return field.info.required ? choice : any_of({choice, {{"type", "null"}}});
      }
      case FieldType::slots:
        return or_parameter({{"type", "array"}, {"items", reference(*field.kind)}}, place);
      case FieldType::yaml:
        return uninterpreted(field.info);
      default:
        break;
    }
    const json single = scalar(element_type(field.type), field.info, place);
    if (is_list(field.type)) {
      const json list = {{"type", "array"}, {"items", single}};
      return form == Form::any ? any_of({list, single}) : form == Form::list ? list : single;
    }
    return is_optional(field.type) ? any_of({single, {{"type", "null"}}}) : single;
  }

  static json scalar(FieldType type, const FieldInfo& info, Place place) {
    if (type == FieldType::string && !info.choices.empty()) {
      json choices = info.choices;
      // Without quotes YAML takes these two for what they are.
      for (const std::string& choice : info.choices) {
        if (choice == "true" || choice == "false") choices.push_back(choice == "true");
      }
      return or_parameter({{"enum", choices}}, place);
    }
    if (type == FieldType::string) return {{"type", {"string", "number", "boolean"}}};
    // An editor's YAML reader takes 60_000, some also 1e6, and every $parameter for a string.
    std::string pattern = type == FieldType::integer ? kInteger : type == FieldType::number ? kNumber : "";
    if (type == FieldType::integer) pattern += std::string("|") + kNumber;
    if (place == Place::block) pattern += (pattern.empty() ? "" : "|") + std::string(kParameter);
    json schema;
    const char* name = type == FieldType::boolean   ? "boolean"
                       : type == FieldType::integer ? "integer"
                                                    : "number";
    schema["type"] = pattern.empty() ? json(name) : json({name, "string"});
    if (!pattern.empty()) schema["pattern"] = "^(" + pattern + ")$";
    const std::pair<const char*, double> bounds[] = {{"minimum", info.min},
                                                     {"maximum", info.max},
                                                     {"exclusiveMinimum", info.above},
                                                     {"exclusiveMaximum", info.below}};
    for (const auto& [keyword, bound] : bounds) {
      if (const std::optional<json> limit = number_json(bound)) schema[keyword] = *limit;
    }
    return schema;
  }

  json uninterpreted(const FieldInfo& info) {
    if (*info.list_of != '\0') {
      const json list = {{"type", "array"}, {"items", reference(info.list_of)}};
      return info.required ? list : any_of({list, {{"type", "null"}}});
    }
    if (*info.blocks_of == '\0') return json::object();
    const json list = {{"type", "array"}, {"items", reference(info.blocks_of)}};
    const json definition = {{"type", "object"},
                             {"properties",
                              {{"parameters",
                                {{"type", {"object", "null"}},
                                 {"description", "names with defaults, null: an argument is required"}}},
                               {"layers", list}}},
                             {"required", {"layers"}},
                             {"additionalProperties", false}};
    return {{"type", {"object", "null"}}, {"additionalProperties", any_of({definition, list})}};
  }

  json definitions_ = json::object();
  std::set<std::string> block_kinds_;
  std::set<std::string> seen_;
  std::vector<const ComponentKind*> pending_;
};

}  // namespace

json json_schema(Component& root) { return SchemaWriter().write(root); }

}  // namespace slipway
