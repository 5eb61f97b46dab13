#include "tools/train/observers/environment.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <fstream>
#include <oneapi/dnnl/dnnl.hpp>

#include "core/base/error.h"
#include "core/base/version.h"
#include "tools/train/summary.h"

namespace slipway {
namespace {

/// The rest of the first line of a file that starts with `key`, without what separates the two.
std::string value_in(const char* path, const std::string& key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(key)) continue;
    const std::size_t begin = line.find_first_not_of("\t :=\"", key.size());
    if (begin == std::string::npos) return "";
    return line.substr(begin, line.find_last_not_of('"') + 1 - begin);
  }
  return "";
}

}  // namespace

std::vector<std::pair<std::string, std::string>> describe_environment() {
  std::vector<std::pair<std::string, std::string>> environment;
  const auto add = [&](const char* label, const std::string& value) {
    if (!value.empty()) environment.emplace_back(label, value);
  };
  add("Slipway", std::string(version()));
  add("processor", value_in("/proc/cpuinfo", "model name"));
  add("logical cores", std::to_string(::sysconf(_SC_NPROCESSORS_ONLN)));
  const long pages = ::sysconf(_SC_PHYS_PAGES), page = ::sysconf(_SC_PAGESIZE);
  if (pages > 0 && page > 0)
    add("memory", bytes_text(static_cast<std::size_t>(pages) * static_cast<std::size_t>(page)));
  add("system", value_in("/etc/os-release", "PRETTY_NAME"));
  utsname system{};
  if (::uname(&system) == 0) {
    add("kernel", text(system.sysname, " ", system.release, " ", system.machine));
    add("host", system.nodename);
  }
#if defined(__clang__)
  add("compiler", "Clang " __clang_version__);
#else
  add("compiler", "GCC " __VERSION__);
#endif
  const dnnl_version_t* dnnl = dnnl_version();
  add("oneDNN", text(dnnl->major, ".", dnnl->minor, ".", dnnl->patch));
  return environment;
}

}  // namespace slipway
