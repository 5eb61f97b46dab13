#include "tools/train/project.h"

#include <sched.h>

#include <algorithm>
#include <filesystem>

namespace slipway {
namespace {

/// Whether the data can be opened in spite of mistakes in the configuration.
bool is_usable(const RunConfig& config) {
  const auto is_good = [](const auto& slot) { return slot && !slot->flawed; };
  return !config.flawed && !config.data.flawed && is_good(config.data.train) &&
         std::all_of(config.data.transforms.begin(), config.data.transforms.end(), is_good);
}

}  // namespace

Project::Project(const std::string& config_path, const std::vector<std::string>& assignments, int threads,
                 const Pipeline::Progress& progress)
    : threads_(threads) {
  ConfigErrors errors;
  config_ = load_run_config(config_path, assignments, errors);
  open_data(std::filesystem::path(config_path).parent_path().string(), errors);
  source_->measure_statistics(threads, progress);
  model_.emplace(config_, *source_->pipeline());
}

/// Adds to the mistakes found so far those that show once the shapes of the data are known, and throws all.
void Project::open_data(const std::string& directory, ConfigErrors& errors) {
  if (!is_usable(config_)) return errors.throw_if_any();
  bool checked = false;
  const auto check = [&](const Pipeline& pipeline) {
    const Model model(config_, pipeline);
    checked = true;
    model.check(errors);
    errors.throw_if_any();
  };
  try {
    source_.emplace(config_, directory, check);
  } catch (const UserError&) {
    // Without the data, shapes stay unknown; what is wrong in the file is told first.
    if (!checked) errors.throw_if_any();
    throw;
  }
}

int default_threads() {
  cpu_set_t set;
  CPU_ZERO(&set);
  return sched_getaffinity(0, sizeof set, &set) == 0 ? std::max(1, CPU_COUNT(&set)) : 1;
}

}  // namespace slipway
