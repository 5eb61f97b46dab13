#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace slipway {

/// The candidate with the smallest edit distance to `name`, or "" if none is near enough to be a typing
/// error.
std::string nearest_name(std::string_view name, const std::vector<std::string>& candidates);

/// "unknown layer 'relo', did you mean 'relu'? Known: a, b, c" - the one wording for every unknown name.
std::string unknown_name(std::string_view kind, std::string_view name, const std::vector<std::string>& known);

}  // namespace slipway
