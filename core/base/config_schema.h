#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "core/base/component.h"

namespace slipway {

/// A JSON Schema (draft 2020-12) of files that read_component reads into `root`, for editors: every component
/// of every kind within reach, shorthands, defaults, bounds and help. If a field is marked `blocks_of` a
/// kind, lists of that kind may also hold names that no component has, and values below may be a block's
/// `$parameter`.
nlohmann::json json_schema(Component& root);

/// A page of text on one component: what it is, its fields, and how to write it.
std::string component_docs(const ComponentKind& kind, const ComponentEntry& entry);
/// A page of text on a kind: the components of that kind, a line each.
std::string kind_docs(const ComponentKind& kind);

}  // namespace slipway
