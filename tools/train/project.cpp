#include "tools/train/project.h"

#include <sched.h>

#include <algorithm>
#include <filesystem>

namespace slipway {
namespace {

DataSource measured(DataSource source, int threads, const Pipeline::Progress& progress) {
  source.measure_statistics(threads, progress);
  return source;
}

}  // namespace

Project::Project(const std::string& config_path, const std::vector<std::string>& assignments, int threads,
                 const Pipeline::Progress& progress)
    : config_(load_run_config(config_path, assignments)),
      threads_(threads),
      source_(measured(DataSource(config_, std::filesystem::path(config_path).parent_path().string()),
                       threads, progress)),
      model_(config_, *source_.pipeline()) {}

int default_threads() {
  cpu_set_t set;
  CPU_ZERO(&set);
  return sched_getaffinity(0, sizeof set, &set) == 0 ? std::max(1, CPU_COUNT(&set)) : 1;
}

}  // namespace slipway
