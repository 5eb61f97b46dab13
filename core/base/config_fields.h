#pragma once

#include <string>
#include <vector>

#include "core/base/component.h"

namespace slipway {

enum class FieldType {
  boolean,
  integer,
  number,
  string,
  integers,
  numbers,
  strings,
  optional_integer,
  optional_number,
  optional_string,
  component,
  slot,
  slots,
  yaml,
};

/// One field of a component as data.
struct FieldSummary {
  std::string name;
  FieldType type;
  FieldInfo info;
  const ComponentKind* kind = nullptr;  // of a slot or slots
  Component* component = nullptr;       // of a fixed sub-structure
  ConfigNode value;                     // as it is now: the default, in a component just made
};

/// The fields in the order of Component::fields.
std::vector<FieldSummary> list_fields(Component& component);
/// The type of a list's elements, of an optional's value; any other type itself.
FieldType element_type(FieldType type);
bool is_list(FieldType type);
bool is_optional(FieldType type);
/// ">= 1", "in [0, 1)", or "" without bounds.
std::string range_text(const FieldInfo& info);
bool in_range(const FieldInfo& info, double value);
/// What a field of this type takes: "an integer >= 1", "one of same, valid", "a layer".
std::string expectation(FieldType type, const FieldInfo& info, const ComponentKind* kind = nullptr);
/// The field that `name: value` sets when the value is no mapping, or null if the component has none.
const FieldSummary* positional_field(const std::vector<FieldSummary>& fields, const ConfigNode& value);

/// What messages call a component ("" at the root of a file), and where it is.
struct Subject {
  std::string name;
  SourcePosition where;

  std::string prefix() const { return name.empty() ? "" : name + ": "; }
};

/// read_component for a component that has a name; false after a mistake.
bool read_fields(const ConfigNode& node, const Subject& subject, Component& component, ConfigErrors& errors);

}  // namespace slipway
