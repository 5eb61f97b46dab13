#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace slipway {

/// --device, which stands above the configuration's `device`.
inline void add_device_option(CLI::App& app, std::string& device) {
  app.add_option("--device", device,
                 "auto, cpu, cuda or cuda:N; by default the configuration's (see `slipway devices`)");
}

}  // namespace slipway
