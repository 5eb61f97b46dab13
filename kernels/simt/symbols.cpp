#include "kernels/simt/symbols.h"

#include <cxxabi.h>
#include <dlfcn.h>

#include <cstdlib>
#include <memory>

namespace slipway::simt {

std::string function_name(const void* function) {
  Dl_info info{};
  if (!dladdr(function, &info) || !info.dli_sname) return "kernel";
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> name(
      abi::__cxa_demangle(info.dli_sname, nullptr, nullptr, &status), std::free);
  std::string result = name ? name.get() : info.dli_sname;
  return result.substr(0, result.find('('));
}

SourceLine source_line(const void*) { return {}; }

}  // namespace slipway::simt
