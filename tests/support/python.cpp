#include "tests/support/python.h"

#include "tests/support/command.h"
#include "tests/support/temporary_directory.h"

namespace slipway::test {

std::string run_python(std::string_view program, const std::vector<std::string>& arguments) {
  const TemporaryDirectory directory;
  // An assertion that fails shows its line only if the program is a file.
  return run_command("/usr/bin/python3 " + directory.write("program.py", program), arguments);
}

}  // namespace slipway::test
