#include "tools/train/tuned_choices.h"

#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "core/base/error.h"

namespace slipway {
namespace {

namespace fs = std::filesystem;

/// The value of a field of the first processor; "" if there is none.
std::string processor_field(std::string_view name) {
  std::ifstream file("/proc/cpuinfo");
  std::string line;
  while (std::getline(file, line)) {
    if (line.substr(0, line.find_first_of("\t:")) != name) continue;
    const std::size_t value = line.find_first_not_of(" \t", line.find(':') + 1);
    if (value != std::string::npos) return line.substr(value);
  }
  return "";
}

/// "amd-epyc-25-1": machines of one processor make the same choices. Virtual machines may hide the model's
/// name, but not its numbers, which tell apart what instructions it has.
std::string processor_key() {
  std::string key;
  for (const char c :
       text(processor_name(), ' ', processor_field("cpu family"), ' ', processor_field("model"))) {
    const auto letter = static_cast<unsigned char>(c);
    if (std::isalnum(letter))
      key += static_cast<char>(std::tolower(letter));
    else if (!key.empty() && key.back() != '-')
      key += '-';
  }
  while (key.ends_with('-')) key.pop_back();
  return key;
}

}  // namespace

std::string processor_name() {
  const std::string name = processor_field("model name");
  return name.empty() ? "CPU" : name;
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
