#pragma once

#include <string>

namespace slipway {

/// A function's name as its source has it, with template arguments: demangled, without return type,
/// parameters and anonymous namespaces. What is no mangled name stays as it is.
std::string demangled_function(const std::string& symbol);

}  // namespace slipway
