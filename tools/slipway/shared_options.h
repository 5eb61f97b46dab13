#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace slipway {

/// --threads N
CLI::Option* add_threads_option(CLI::App& app, int& threads);
/// --device, which stands above the configuration's `device`.
void add_device_option(CLI::App& app, std::string& device);
/// --set KEY=VALUE, each with one assignment, so that what follows it is the configuration's path.
void add_assignments_option(CLI::App& app, std::vector<std::string>& assignments);
/// CONFIG, a configuration's path
void add_config_option(CLI::App& app, std::string& config);
/// RUN_OR_CHECKPOINT
void add_trained_model_option(CLI::App& app, std::string& path);

}  // namespace slipway
