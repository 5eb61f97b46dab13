#include "tests/support/python.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdio>

#include "core/base/error.h"
#include "tests/support/temporary_directory.h"

namespace slipway::test {

std::string run_python(std::string_view program, const std::vector<std::string>& arguments) {
  const TemporaryDirectory directory;
  // An assertion that fails shows its line only if the program is a file.
  std::string command = "/usr/bin/python3 " + directory.write("program.py", program);
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

}  // namespace slipway::test
