#pragma once

#include <string>

#include "tools/train/golden_samples.h"
#include "tools/train/model_description.h"

namespace slipway {

/// What export_bundle wrote.
struct ExportBundle {
  ModelDescription description;
  std::vector<std::string> files;  // names in the directory
  std::string golden_origin;       // where the golden input comes from
  std::string example;             // contents of example.mjs
};

/// Writes a model for JavaScript applications into a directory: model.onnx (with model.onnx_data if it is
/// large), slipway.json, golden.json and example.mjs. Each file is replaced as a whole; slipway.json comes
/// last.
ExportBundle export_bundle(const TrainedModel& trained, const std::string& directory, const Stream& stream);

}  // namespace slipway
