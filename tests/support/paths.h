#pragma once

#include <string>
#include <string_view>

namespace slipway::test {

/// A file of the repository: source_path("configs/mnist_cnn.yaml").
std::string source_path(std::string_view relative);
/// A file of the build directory: build_path("slipway") is the program.
std::string build_path(std::string_view relative);

}  // namespace slipway::test
