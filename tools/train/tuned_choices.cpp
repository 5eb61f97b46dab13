#include "tools/train/tuned_choices.h"

#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "core/base/error.h"

namespace slipway {
namespace {

namespace fs = std::filesystem;

/// "intel-xeon-platinum-8481c": machines of one processor make the same choices.
std::string processor_key() {
  std::string key;
  for (const char c : processor_name()) {
    const auto letter = static_cast<unsigned char>(c);
    if (std::isalnum(letter))
      key += static_cast<char>(std::tolower(letter));
    else if (!key.empty() && key.back() != '-')
      key += '-';
  }
  return key.empty() ? "cpu" : key;
}

}  // namespace

std::string processor_name() {
  std::ifstream file("/proc/cpuinfo");
  std::string line;
  while (std::getline(file, line)) {
    const std::size_t name = line.find_first_not_of(" \t", line.find(':') + 1);
    if (line.starts_with("model name") && name != std::string::npos) return line.substr(name);
  }
  return "CPU";
}

std::string TunedChoices::cache_file() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  const char* home = std::getenv("HOME");
  fs::path directory;
  if (cache && *cache == '/')
    directory = cache;
  else if (home && *home == '/')
    directory = fs::path(home) / ".cache";
  else
    return "";
  return (directory / "slipway" / ("tuner-" + processor_key() + ".tsv")).string();
}

TunedChoices::TunedChoices() : TunedChoices(cache_file()) {}

TunedChoices::TunedChoices(std::string cache) : cache_(std::move(cache)) {
  if (!cache_.empty()) tuner_.load(cache_);
}

void TunedChoices::save() const {
  if (cache_.empty() || !tuner_.changed()) return;
  std::error_code error;
  fs::create_directories(fs::path(cache_).parent_path(), error);
  try {
    Tuner all;
    all.load(cache_);  // other programs may have written since
    all.add(tuner_);
    all.save(cache_);
  } catch (const Error&) {
    // A cache that cannot be written only means measuring again.
  }
}

}  // namespace slipway
