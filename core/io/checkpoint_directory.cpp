#include "core/io/checkpoint_directory.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <filesystem>

#include "core/base/error.h"
#include "core/io/atomic_file.h"

namespace slipway {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "step_", kSuffix = ".h5";

std::string name_of(std::int64_t step) {
  char name[40];
  std::snprintf(name, sizeof name, "step_%09lld.h5", static_cast<long long>(step));
  return name;
}

/// The step of a checkpoint's file name, or none for another file.
std::optional<std::int64_t> step_of(std::string_view name) {
  if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix) ||
      name.size() <= kPrefix.size() + kSuffix.size())
    return std::nullopt;
  const std::string_view digits = name.substr(kPrefix.size(), name.size() - kPrefix.size() - kSuffix.size());
  std::int64_t step = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), step);
  if (error != std::errc() || end != digits.data() + digits.size() || step < 0) return std::nullopt;
  return step;
}

}  // namespace

std::vector<std::string> CheckpointDirectory::files() const {
  std::vector<std::pair<std::int64_t, std::string>> found;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(path_, error)) {
    const std::string name = entry.path().filename().string();
    if (const auto step = step_of(name)) found.emplace_back(*step, path_ + "/" + name);
  }
  require(!error || error == std::errc::no_such_file_or_directory, "cannot list ", path_, ": ",
          error.message());
  std::sort(found.begin(), found.end());
  std::vector<std::string> files;
  for (auto& each : found) files.push_back(std::move(each.second));
  return files;
}

void CheckpointDirectory::link(const std::string& link, const std::string& target) const {
  const std::string temporary = link + std::string(kTemporarySuffix);
  std::error_code error;
  fs::remove(temporary, error);
  fs::create_symlink(target, temporary, error);
  if (!error) fs::rename(temporary, link, error);
  require(!error, "cannot link ", link, " to ", target, ": ", error.message());
}

std::string CheckpointDirectory::save(const Checkpoint& checkpoint) {
  std::error_code error;
  fs::create_directories(path_, error);
  require(!error, "cannot make the directory ", path_, ": ", error.message());
  const std::string name = name_of(checkpoint.progress.step), path = path_ + "/" + name;
  write_checkpoint(path, checkpoint);
  link(last(), name);
  // By every save: the process may have been killed after the best was written, before it was linked.
  const std::string best_name = name_of(checkpoint.progress.best_step);
  if (checkpoint.progress.best_step > 0 && fs::exists(path_ + "/" + best_name)) link(best(), best_name);
  remove_superseded(checkpoint.progress);
  return path;
}

void CheckpointDirectory::remove_superseded(const Progress& progress) const {
  std::error_code ignored;  // what cannot be removed does no harm
  std::vector<std::string> names;
  for (const std::string& path : files()) names.push_back(fs::path(path).filename().string());
  // A run that went back, since its newest checkpoint was damaged, has overtaken what came after.
  while (*step_of(names.back()) > progress.step) {
    fs::remove(path_ + "/" + names.back(), ignored);
    names.pop_back();
  }
  const std::size_t keep = static_cast<std::size_t>(std::max<std::int64_t>(retention_.last, 1));
  for (std::size_t i = 0; i + keep < names.size(); ++i) {
    const std::int64_t step = *step_of(names[i]);
    const bool kept_for_good = retention_.every > 0 && step % retention_.every == 0;
    if (!kept_for_good && step != progress.best_step) fs::remove(path_ + "/" + names[i], ignored);
  }
  if (!fs::exists(best(), ignored)) fs::remove(best(), ignored);  // a link to what was overtaken
  // A process that was killed left its temporary files; no other process writes here now.
  for (const fs::directory_entry& entry : fs::directory_iterator(path_, ignored)) {
    if (entry.path().filename().string().ends_with(kTemporarySuffix)) fs::remove(entry.path(), ignored);
  }
}

std::optional<CheckpointDirectory::Found> CheckpointDirectory::newest(const Warn& warn) const {
  const std::vector<std::string> all = files();
  for (auto path = all.rbegin(); path != all.rend(); ++path) {
    try {
      return Found{*path, read_checkpoint(*path)};
    } catch (const Error& error) {
      warn(error.what());
    }
  }
  require_user(all.empty(), path_, ": none of its ", all.size(), " checkpoints can be read");
  return std::nullopt;
}

}  // namespace slipway
