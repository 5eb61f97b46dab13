#pragma once

#include <string>

#include "data/dataset.h"

namespace slipway {

/// A dataset's schema as JSON, so that a checkpoint can be used without the data that it was trained on.
std::string schema_to_json(const Schema& schema);
/// The inverse; malformed text is a UserError that names `origin`.
Schema schema_from_json(const std::string& json_text, const std::string& origin);

}  // namespace slipway
