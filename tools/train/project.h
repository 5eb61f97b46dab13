#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tools/train/compute.h"
#include "tools/train/data_source.h"
#include "tools/train/model.h"
#include "tools/train/precision.h"

namespace slipway {

/// A configuration with its data opened and its model described: what most commands start from.
class Project {
 public:
  /// Reads the configuration and opens its data; paths in it are relative to the file. Mistakes of the
  /// configuration, of shapes too, are one UserError, before data are read where their headers tell shapes.
  /// Measures statistics that transforms wait for, with `progress`.
  Project(const std::string& config_path, const std::vector<std::string>& assignments, int threads,
          const Pipeline::Progress& progress = {});
  Project(const Project&) = delete;
  Project& operator=(const Project&) = delete;

  /// As DataSource::deliver_to(), before programs and loaders are made.
  void deliver_to(Device device) { source_->deliver_to(device); }

  const RunConfig& config() const { return config_; }
  const DataSource& source() const { return *source_; }
  const Model& model() const { return *model_; }
  /// The device, determinism and precision of the configuration; implementations are chosen by `tuner`, if
  /// given.
  Compute::Options compute(Tuner* tuner = nullptr) const {
    return {.device = config_.device,
            .threads = threads_,
            .deterministic = config_.is_deterministic(),
            .matrix_precision = matrix_precision(parse_precision(config_.precision)),
            .tuner = tuner};
  }

 private:
  void open_data(const std::string& directory, ConfigErrors& errors);

  RunConfig config_;
  int threads_;
  std::optional<DataSource> source_;
  std::optional<Model> model_;
};

/// Threads to use by default: the processors that this process may run on.
int default_threads();

}  // namespace slipway
