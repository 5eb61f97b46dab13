#include "core/base/demangle.h"

#include <cxxabi.h>

#include <cstdlib>
#include <memory>

namespace slipway {
namespace {

/// Where the parameters begin: the first parenthesis outside template arguments.
std::size_t find_parameters(const std::string& name) {
  int depth = 0;
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (name[i] == '<') ++depth;
    if (name[i] == '>') --depth;
    if (name[i] == '(' && depth == 0) return i;
  }
  return name.size();
}

/// Behind the return type, which only a template's instance has.
std::size_t find_name(const std::string& name) {
  int depth = 0;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (name[i] == '<') ++depth;
    if (name[i] == '>') --depth;
    if (name[i] == ' ' && depth == 0) begin = i + 1;
  }
  return begin;
}

}  // namespace

std::string demangled_function(const std::string& symbol) {
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> readable(
      abi::__cxa_demangle(symbol.c_str(), nullptr, nullptr, &status), std::free);
  if (!readable) return symbol;
  std::string name = readable.get();
  const std::string anonymous = "(anonymous namespace)::";
  for (auto at = name.find(anonymous); at != std::string::npos; at = name.find(anonymous)) {
    name.erase(at, anonymous.size());
  }
  name.resize(find_parameters(name));
  return name.substr(find_name(name));
}

}  // namespace slipway
