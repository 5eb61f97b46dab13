#pragma once

#include <string>
#include <utility>
#include <vector>

namespace slipway {

/// What a run's results may depend on besides its configuration, as label and value: processor, memory,
/// operating system, compiler, libraries.
std::vector<std::pair<std::string, std::string>> describe_environment();

}  // namespace slipway
