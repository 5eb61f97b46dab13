#include "tests/support/paths.h"

#include <filesystem>

namespace slipway::test {

std::string source_path(std::string_view relative) {
  return std::filesystem::path(SLIPWAY_SOURCE_DIR) / relative;
}

std::string build_path(std::string_view relative) {
  return std::filesystem::path(SLIPWAY_BINARY_DIR) / relative;
}

}  // namespace slipway::test
