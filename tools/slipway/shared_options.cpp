#include "tools/slipway/shared_options.h"

namespace slipway {

CLI::Option* add_threads_option(CLI::App& app, int& threads) {
  return app.add_option("--threads", threads, "CPU threads")
      ->capture_default_str()
      ->check(CLI::Range(1, 1024));
}

void add_device_option(CLI::App& app, std::string& device) {
  app.add_option("--device", device,
                 "auto, cpu, cuda or cuda:N; by default the configuration's (see `slipway devices`)");
}

void add_assignments_option(CLI::App& app, std::vector<std::string>& assignments) {
  app.add_option("--set", assignments, "change a setting: --set train.batch_size=32 (may be repeated)")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
}

void add_config_option(CLI::App& app, std::string& config) {
  app.add_option("CONFIG", config, "YAML file of a training run")->required();
}

void add_trained_model_option(CLI::App& app, std::string& path) {
  app.add_option("RUN_OR_CHECKPOINT", path, "run directory (its best checkpoint) or checkpoint")->required();
}

}  // namespace slipway
