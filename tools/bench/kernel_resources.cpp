#include "tools/bench/kernel_resources.h"

#include <algorithm>
#include <istream>
#include <sstream>

#include "core/base/demangle.h"

namespace slipway {
namespace {

/// The number before `unit` in a line like "Used 32 registers, 1040 bytes smem"; 0 if there is none.
int number_before(const std::string& line, const std::string& unit) {
  const auto end = line.find(" " + unit);
  if (end == std::string::npos) return 0;
  const auto begin = line.find_last_not_of("0123456789", end - 1) + 1;
  return begin < end ? std::stoi(line.substr(begin, end - begin)) : 0;
}

}  // namespace

ResourceTable read_kernel_resources(std::istream& printed) {
  ResourceTable table;
  KernelResources ignored;
  KernelResources* current = &ignored;
  for (std::string line; std::getline(printed, line);) {
    const std::string compiling = "Compiling entry function '";
    if (const auto at = line.find(compiling); at != std::string::npos) {
      const auto begin = at + compiling.size();
      current = &table[demangled_function(line.substr(begin, line.find('\'', begin) - begin))];
    } else if (line.find("Function properties for") != std::string::npos) {
      continue;
    } else if (line.find(" bytes stack frame") != std::string::npos) {
      current->stack_bytes = std::max(current->stack_bytes, number_before(line, "bytes stack frame"));
      current->spilled_bytes = std::max(current->spilled_bytes, number_before(line, "bytes spill stores") +
                                                                    number_before(line, "bytes spill loads"));
    } else if (line.find("Used ") != std::string::npos && line.find(" registers") != std::string::npos) {
      current->registers = std::max(current->registers, number_before(line, "registers"));
      current->static_shared_bytes =
          std::max(current->static_shared_bytes, number_before(line, "bytes smem"));
      current = &ignored;
    }
  }
  return table;
}

}  // namespace slipway
