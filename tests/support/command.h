#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace slipway::test {

/// Runs a program and returns what it printed, errors included; a status other than 0 fails the test with
/// that output.
std::string run_command(const std::string& program, const std::vector<std::string>& arguments = {});

/// Runs a script of the repository, such as "tools/web/verify/verify.mjs", in Node.js.
std::string run_node(std::string_view script, const std::vector<std::string>& arguments = {});

}  // namespace slipway::test
