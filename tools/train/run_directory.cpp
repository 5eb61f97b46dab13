#include "tools/train/run_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

#include "core/base/error.h"
#include "core/io/atomic_file.h"
#include "core/io/checkpoint_directory.h"

namespace slipway {
namespace {

namespace fs = std::filesystem;

constexpr const char* kLock = "lock";

struct Lock {
  int descriptor = -1;  // or -1: another process has it,
  std::string holder;   // this one
};

/// Holds a run for this process until the descriptor is closed, however the process ends.
Lock try_lock(const std::string& path) {
  const std::string file = text(path, '/', kLock);
  const int lock = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  require_user(lock >= 0, "run ", path, ": cannot open ", file, ": ", std::strerror(errno));
  if (::flock(lock, LOCK_EX | LOCK_NB) != 0) {
    char holder[32] = {};
    const bool known = ::read(lock, holder, sizeof holder - 1) > 0;
    ::close(lock);
    return {.descriptor = -1, .holder = known ? holder : "?"};
  }
  const std::string process = std::to_string(::getpid());
  const bool noted = ::ftruncate(lock, 0) == 0 && ::pwrite(lock, process.data(), process.size(), 0) > 0;
  static_cast<void>(noted);  // only messages need it
  return {.descriptor = lock, .holder = process};
}

int lock_run(const std::string& path) {
  const Lock lock = try_lock(path);
  require_user(lock.descriptor >= 0, "run ", path, " is being trained by process ", lock.holder,
               "; wait for it, or train under another name");
  return lock.descriptor;
}

/// Whether a process was killed before it wrote anything there.
bool is_untouched(const std::string& path) {
  return fs::is_directory(path) &&
         std::all_of(fs::directory_iterator(path), fs::directory_iterator(), [](const auto& entry) {
           return entry.path().filename() == kLock || entry.path().extension() == kTemporarySuffix;
         });
}

std::string read_job(const std::string& path) {
  std::ostringstream job;
  job << std::ifstream(path + "/job").rdbuf();
  return std::move(job).str();
}

std::string numbered(const std::string& root, const std::string& name, int number) {
  return (fs::path(root) / (number == 1 ? name : text(name, "_", number))).string();
}

}  // namespace

RunDirectory RunDirectory::create(const std::string& root, const std::string& name, const std::string& job) {
  require_user(!name.empty() && name.find('/') == std::string::npos && name[0] != '.', "'", name,
               "' is no name for a run, expected one without a slash or a leading dot");
  std::error_code error;
  fs::create_directories(root, error);
  require_user(!error, "cannot make the directory ", root, ": ", error.message());
  for (int number = 1;; ++number) {
    const std::string path = numbered(root, name, number);
    const bool made = fs::create_directory(path, error);
    require_user(!error || error == std::errc::file_exists, "cannot make the directory ", path, ": ",
                 error.message());
    if (!made && !is_untouched(path)) continue;
    const int lock = try_lock(path).descriptor;
    if (lock < 0) continue;
    RunDirectory directory(path, lock);
    if (!is_untouched(path)) continue;
    if (!job.empty()) write_file_atomically(path + "/job", job);
    return directory;
  }
}

std::optional<RunDirectory> RunDirectory::resume(const std::string& root, const std::string& name) {
  int number = 0;
  while (fs::is_directory(numbered(root, name, number + 1))) ++number;
  if (number == 0) return std::nullopt;
  return open(numbered(root, name, number));
}

std::optional<RunDirectory> RunDirectory::begun_by(const std::string& job, const std::string& root,
                                                   const std::string& name) {
  for (int number = 1; fs::is_directory(numbered(root, name, number)); ++number) {
    const std::string path = numbered(root, name, number);
    if (read_job(path) == job) return open(path);
  }
  return std::nullopt;
}

RunDirectory RunDirectory::open(const std::string& path) {
  require_user(fs::is_directory(path), "there is no run ", path);
  return {path, lock_run(path)};
}

RunDirectory::RunDirectory(RunDirectory&& other) noexcept
    : path_(std::move(other.path_)), lock_(std::exchange(other.lock_, -1)) {}

RunDirectory::~RunDirectory() {
  if (lock_ >= 0) ::close(lock_);
}

std::string RunDirectory::name() const { return fs::path(path_).filename().string(); }

void RunDirectory::write_config(const std::string& yaml) const { write_file_atomically(config(), yaml); }

std::string find_checkpoint(const std::string& run_or_file) {
  if (!fs::is_directory(run_or_file)) {
    require_user(fs::exists(run_or_file), "there is no run or checkpoint ", run_or_file);
    return run_or_file;
  }
  for (const std::string& directory : {run_or_file + "/checkpoints", run_or_file}) {
    const CheckpointDirectory checkpoints(directory);
    if (fs::exists(checkpoints.best())) return checkpoints.best();
    if (const auto files = checkpoints.files(); !files.empty()) return files.back();
  }
  throw UserError(text(run_or_file, " holds no checkpoint, expected a run that has reached its first"));
}

}  // namespace slipway
