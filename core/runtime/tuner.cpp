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

bool offered(const std::string& choice, const std::vector<Tuner::Candidate>& candidates) {
  return std::any_of(candidates.begin(), candidates.end(),
                     [&](const Tuner::Candidate& candidate) { return candidate.name == choice; });
}

const Tuner::Candidate* fastest(const std::vector<Tuner::Candidate>& candidates, const Tuner::Timer& timer) {
  const Tuner::Candidate* best = &candidates[0];
  double best_time = std::numeric_limits<double>::infinity();
  for (const Tuner::Candidate& candidate : candidates) {
    if (timer(candidate.run) > kHopeless * best_time) continue;
    for (int i = 0; i < kRuns; ++i) {
      const double time = timer(candidate.run);
      if (time < best_time) best = &candidate, best_time = time;
    }
  }
  return best;
}

}  // namespace

double Tuner::time_on_host(const std::function<void()>& run) {
  const auto start = std::chrono::steady_clock::now();
  run();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

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

std::string Tuner::choose(const std::string& key, const std::vector<Candidate>& candidates,
                          const Timer& timer) {
  require(!candidates.empty(), "tuner: no candidates for '", key, "'");
  if (candidates.size() == 1) return candidates[0].name;
  for (const std::string& name : preferred_) {
    if (!offered(name, candidates)) continue;
    remember(key, name);
    return name;
  }
  const auto known = find(key);
  if (known && offered(*known, candidates)) return *known;
  const std::string best = fastest(candidates, timer)->name;
  remember(key, best);
  return best;
}

void Tuner::prefer(std::vector<std::string> names) { preferred_ = std::move(names); }

std::map<std::string, std::string> Tuner::choices() const {
  const std::lock_guard lock(mutex_);
  return choices_;
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
