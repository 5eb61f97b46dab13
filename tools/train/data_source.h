#pragma once

#include <functional>
#include <memory>
#include <string>

#include "data/loader.h"
#include "tools/train/run_config.h"

namespace slipway {

/// The datasets of a configuration, opened and split, and the pipeline that binds their transforms.
class DataSource {
 public:
  enum class Part { train, validation, test };

  /// Sees the types of all features, but no names of classes.
  using Check = std::function<void(const Pipeline&)>;
  /// Opens what the configuration names; relative paths start at `base_directory`. Mistakes are UserErrors.
  /// `check` is called before samples are read, if files say what they hold without that; else before
  /// anything is computed from them.
  DataSource(RunConfig& config, const std::string& base_directory, const Check& check = {});

  /// Null if the configuration has no such part; `test` falls back to validation.
  const std::shared_ptr<const Dataset>& part(Part part) const;
  const std::shared_ptr<Pipeline>& pipeline() const { return pipeline_; }
  /// Where relative paths of the configuration start, absolute.
  const std::string& base_directory() const { return base_directory_; }
  /// A path of the configuration.
  std::string resolve(const std::string& path) const;
  /// Reads the training set once if a transform waits for statistics.
  void measure_statistics(int threads, const Pipeline::Progress& progress);
  /// Lets batches be what a graph on this device wants: elsewhere than on the host, it takes over image
  /// transforms (Pipeline::leave_images_to_graph). After measure_statistics().
  void deliver_to(Device device);

 private:
  std::string base_directory_;
  std::shared_ptr<const Dataset> train_, validation_, test_;
  std::shared_ptr<Pipeline> pipeline_;
};

}  // namespace slipway
