#include "tests/support/command.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdio>

#include "core/base/error.h"
#include "tests/support/paths.h"

namespace slipway::test {

std::string run_command(const std::string& program, const std::vector<std::string>& arguments) {
  std::string command = program;
  for (const std::string& argument : arguments) {
    require(argument.find('\'') == std::string::npos, "an argument holds a quote: ", argument);
    command += " '" + argument + "'";
  }
  std::FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  require(pipe != nullptr, "cannot run ", command);
  std::string output;
  std::array<char, 4096> part;
  while (const std::size_t size = std::fread(part.data(), 1, part.size(), pipe))
    output.append(part.data(), size);
  const int status = pclose(pipe);
  EXPECT_EQ(status, 0) << command << '\n' << output;
  return output;
}

std::string run_node(std::string_view script, const std::vector<std::string>& arguments) {
  return run_command("node " + source_path(script), arguments);
}

}  // namespace slipway::test
