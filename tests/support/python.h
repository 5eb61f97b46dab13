#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace slipway::test {

/// Runs a Python program by the distribution's interpreter, which has the packages that tests compare with.
/// Returns what it printed; a status other than 0 fails the test with that output.
std::string run_python(std::string_view program, const std::vector<std::string>& arguments = {});

}  // namespace slipway::test
