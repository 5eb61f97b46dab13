#include "core/runtime/tuner.h"

#include <algorithm>
#include <chrono>
#include <fstream>
#include <limits>

#include "core/base/error.h"
#include "core/io/atomic_file.h"

namespace slipway {
namespace {

constexpr int kRuns = 3;         // timed after one that warms up; the best counts, as noise only adds time
constexpr double kHopeless = 4;  // times the best so far: a warm-up that slow ends a candidate's trial

double time_once(const std::function<void()>& run) {
  const auto start = std::chrono::steady_clock::now();
  run();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

std::optional<std::string> Tuner::find(const std::string& key) const {
  const std::lock_guard lock(mutex_);
  const auto found = choices_.find(key);
  if (found == choices_.end()) return std::nullopt;
  return found->second;
}

void Tuner::remember(const std::string& key, const std::string& choice) {
  const std::lock_guard lock(mutex_);
  std::string& known = choices_[key];
  changed_ |= known != choice;
  known = choice;
}

std::string Tuner::choose(const std::string& key, const std::vector<Candidate>& candidates) {
  require(!candidates.empty(), "tuner: no candidates for '", key, "'");
  if (candidates.size() == 1) return candidates[0].name;
  if (const auto known = find(key)) {
    const bool offered = std::any_of(candidates.begin(), candidates.end(),
                                     [&](const Candidate& candidate) { return candidate.name == *known; });
    if (offered) return *known;
  }
  const Candidate* best = nullptr;
  double best_time = std::numeric_limits<double>::infinity();
  for (const Candidate& candidate : candidates) {
    if (time_once(candidate.run) > kHopeless * best_time) continue;
    for (int i = 0; i < kRuns; ++i) {
      const double time = time_once(candidate.run);
      if (time < best_time) best = &candidate, best_time = time;
    }
  }
  if (!best) best = &candidates[0];
  remember(key, best->name);
  return best->name;
}

void Tuner::add(const Tuner& other) {
  const std::scoped_lock lock(mutex_, other.mutex_);
  for (const auto& [key, choice] : other.choices_) choices_[key] = choice;
}

void Tuner::load(const std::string& path) {
  std::ifstream file(path);
  if (!file) return;
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    if (line.empty() || line[0] == '#') continue;
    const std::size_t tab = line.find('\t');
    require_user(tab != std::string::npos && tab > 0 && tab + 1 < line.size(), path, ":", number,
                 ": expected KEY<tab>CHOICE");
    const std::lock_guard lock(mutex_);
    choices_[line.substr(0, tab)] = line.substr(tab + 1);
  }
}

void Tuner::save(const std::string& path) const {
  std::string lines =
      "# The fastest implementation of each problem on this machine. Delete to measure again.\n";
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [key, choice] : choices_) lines += key + '\t' + choice + '\n';
  }
  write_file_atomically(path, lines);
}

bool Tuner::changed() const {
  const std::lock_guard lock(mutex_);
  return changed_;
}

}  // namespace slipway
