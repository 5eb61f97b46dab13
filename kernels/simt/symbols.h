#pragma once

#include <string>

namespace slipway::simt {

/// The demangled name of a function of this process, without its arguments; "kernel" if nothing is known of
/// it.
std::string function_name(const void* function);

struct SourceLine {
  std::string file;  // empty if it is not known
  int line = 0;
};
/// Where the call that returns to `pc` stands. Asks addr2line, once for each address.
SourceLine source_line(const void* pc);

}  // namespace slipway::simt
