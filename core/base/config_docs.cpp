#include <algorithm>
#include <cmath>

#include "core/base/config_fields.h"
#include "core/base/config_schema.h"

namespace slipway {
namespace {

using Row = std::vector<std::string>;

/// Columns two spaces apart; the last one is as wide as it is.
std::string table(const std::vector<Row>& rows) {
  std::vector<std::size_t> widths(rows.front().size(), 0);
  for (const Row& row : rows) {
    for (std::size_t i = 0; i + 1 < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string out;
  for (const Row& row : rows) {
    std::string line = "  ";
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      if (i + 1 < row.size()) line.append(widths[i] - row[i].size() + 2, ' ');
    }
    out += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return out;
}

std::string indented(const std::string& lines) {
  std::string out = "  ";
  for (std::size_t i = 0; i < lines.size(); ++i) {
    out += lines[i];
    if (lines[i] == '\n' && i + 1 < lines.size()) out += "  ";
  }
  return out;
}

std::string type_text(const FieldSummary& field) {
  switch (field.type) {
    case FieldType::boolean:
      return "true or false";
    case FieldType::integer:
      return "integer";
    case FieldType::number:
      return "number";
    case FieldType::string:
      return "string";
    case FieldType::integers:
      return "list of integers";
    case FieldType::numbers:
      return "list of numbers";
    case FieldType::strings:
      return "list of strings";
    case FieldType::optional_integer:
      return "integer or null";
    case FieldType::optional_number:
      return "number or null";
    case FieldType::optional_string:
      return "string or null";
    case FieldType::component:
      return "mapping";
    case FieldType::slot:
      return field.kind->name();
    case FieldType::slots:
      return "list, each " + field.kind->name();
    case FieldType::yaml:
      break;
  }
  if (*field.info.list_of != '\0') return "list, each " + std::string(field.info.list_of);
  return *field.info.blocks_of != '\0' ? "blocks" : "any";
}

std::string one_line(const ConfigNode& node) {
  if (node.is_mapping() && node.entries().size() == 1) return node.entries()[0].key;  // a slot
  if (node.is_mapping()) return "";
  std::string yaml = node.to_yaml();
  yaml.pop_back();
  return yaml.find('\n') == std::string::npos ? yaml : "...";
}

std::string accepted_text(const FieldInfo& info) {
  std::string all = range_text(info);
  for (const std::string& choice : info.choices) all += (all.empty() ? "" : ", ") + choice;
  return all;
}

void add_rows(Component& component, const std::string& prefix, std::vector<Row>& rows) {
  for (const FieldSummary& field : list_fields(component)) {
    const std::string fallback = field.info.required ? "required" : one_line(field.value);
    rows.push_back(
        {prefix + field.name, type_text(field), fallback, accepted_text(field.info), field.info.help});
    if (field.component != nullptr) add_rows(*field.component, prefix + field.name + ".", rows);
  }
}

/// A number within the bounds that looks as if somebody had chosen it.
double sample_number(const FieldInfo& info, bool is_integer) {
  for (const double value : {10.0, 1.0, 0.0, 2.0, 3.0, 100.0, 1000.0, -1.0}) {
    if (in_range(info, value)) return value;
  }
  const double low = std::max(info.min, info.above), high = std::min(info.max, info.below);
  if (!is_integer) return std::isinf(low) ? high - 1 : std::isinf(high) ? low + 1 : (low + high) / 2;
  return std::isinf(low) ? std::ceil(high) - 1 : std::floor(low) + 1;
}

ConfigNode full_example(Component& component, int depth);

bool needs_settings(Component& component) {
  return std::ranges::any_of(list_fields(component),
                             [](const FieldSummary& field) { return field.info.required; });
}

/// A component of the kind, the simplest there is.
ConfigNode sample_choice(const ComponentKind& kind, int depth) {
  const auto make = [](const auto& item) { return item.second.make(); };
  for (const auto& item : kind.entries()) {
    if (!needs_settings(*make(item))) return ConfigNode::make_string(item.first, {});
  }
  if (kind.entries().empty() || depth > 3) return {};
  const auto& first = *kind.entries().begin();
  return ConfigNode::make_mapping({{first.first, {}, full_example(*make(first), depth + 1)}}, {});
}

/// A value for a field that has no default, or an element of it.
ConfigNode sample_value(const FieldSummary& field, int depth) {
  const FieldType type = element_type(field.type);
  switch (type) {
    case FieldType::boolean:
      return ConfigNode::make_scalar("true", {});
    case FieldType::integer:
    case FieldType::number:
      return ConfigNode::make_scalar(text(sample_number(field.info, type == FieldType::integer)), {});
    case FieldType::string:
      return ConfigNode::make_string(field.info.choices.empty() ? "text" : field.info.choices[0], {});
    case FieldType::component:
      return full_example(*field.component, depth);
    case FieldType::slot:
      return sample_choice(*field.kind, depth);
    default:
      return {};
  }
}

ConfigNode sample(const FieldSummary& field, int depth) {
  if (field.type == FieldType::yaml) return ConfigNode::make_sequence({}, {});
  ConfigNode value = sample_value(field, depth);
  return is_list(field.type) ? ConfigNode::make_sequence({std::move(value)}, {}) : value;
}

ConfigNode full_example(Component& component, int depth) {
  std::vector<ConfigNode::Entry> entries;
  for (const FieldSummary& field : list_fields(component)) {
    const bool has_inner = field.component != nullptr;
    if (field.type == FieldType::yaml && !field.info.required) continue;
    ConfigNode value = field.info.required || has_inner ? sample(field, depth) : field.value;
    entries.push_back({field.name, {}, std::move(value)});
  }
  return ConfigNode::make_mapping(std::move(entries), {});
}

/// `name: value` for each positional field that is enough to make the component.
std::vector<ConfigNode> shorthand_examples(Component& component) {
  const std::vector<FieldSummary> fields = list_fields(component);
  std::vector<ConfigNode> all;
  if (!needs_settings(component)) all.push_back({});
  for (const FieldSummary& field : fields) {
    const bool others_needed = std::ranges::any_of(
        fields, [&](const FieldSummary& other) { return other.info.required && other.name != field.name; });
    const ConfigNode value = field.info.required ? sample(field, 0) : field.value;
    // A value that the short form would give to another field needs the long one.
    const FieldSummary* taker = positional_field(fields, value);
    if (field.info.positional && !others_needed && taker->name == field.name) all.push_back(value);
  }
  return all;
}

std::string written(const std::string& name, const ConfigNode& settings) {
  if (settings.is_null()) return name + "\n";
  return ConfigNode::make_mapping({{name, {}, settings}}, {}).to_yaml();
}

}  // namespace

std::string component_docs(const ComponentKind& kind, const ComponentEntry& entry) {
  std::string out = text(entry.name, " (", kind.name(), ")\n", entry.summary, "\n");
  const std::shared_ptr<Component> component = entry.make();
  if (list_fields(*component).empty()) {
    return out + "\nIt has no settings.\n\nTo write it:\n\n" + indented(written(entry.name, {}));
  }
  std::vector<Row> rows = {{"FIELD", "TYPE", "DEFAULT", "ACCEPTS", "MEANING"}};
  add_rows(*component, "", rows);
  out += "\n" + table(rows);
  const std::vector<ConfigNode> shorthands = shorthand_examples(*component);
  if (!shorthands.empty()) out += "\nIn short:\n\n";
  for (const ConfigNode& settings : shorthands) out += indented(written(entry.name, settings));
  return out + "\nIn full:\n\n" + indented(written(entry.name, full_example(*component, 0)));
}

std::string kind_docs(const ComponentKind& kind) {
  std::string out = text(kind.name(), ": ", kind.entries().size(), " to choose from\n\n");
  std::vector<Row> rows;
  for (const auto& [name, entry] : kind.entries()) rows.push_back({name, entry.summary});
  return rows.empty() ? out : out + table(rows);
}

}  // namespace slipway
