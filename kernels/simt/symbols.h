#pragma once

#include <cstddef>
#include <string>
#include <vector>

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

/// Whether the address lies in the section of this name of one of the process's modules.
bool is_in_section(const void* address, const char* section);

/// One variable of thread-local storage.
struct ThreadLocal {
  std::size_t offset = 0;  // within its module's block
  std::size_t bytes = 0;
  std::string name;  // mangled
};
/// The thread-local storage of one module in the calling OS thread.
struct ThreadLocalBlock {
  const char* begin = nullptr;
  std::size_t bytes = 0;
  std::vector<ThreadLocal> variables;  // by offset
};
std::vector<ThreadLocalBlock> thread_local_blocks();

}  // namespace slipway::simt
