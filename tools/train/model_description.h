#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "tools/train/trained_model.h"

namespace slipway {

/// What a caller of an exported model has to know, as it stands in slipway.json: see docs/export.md.
struct ModelDescription {
  std::string task;                 // "image-classification", "tabular-regression", ...
  std::string input_name;           // of the ONNX graph
  std::string output_name;          // "logits" if an activation follows, else "output"
  std::string activation;           // that the caller applies: "softmax", "sigmoid", "none"
  std::vector<std::string> labels;  // of the classes, in the order of the output
  nlohmann::ordered_json json;      // all of it
};

ModelDescription describe_model(const TrainedModel& trained);

/// Which columns of a table a caller may leave out: those whose NaN does not come through preprocessing.
std::vector<bool> columns_that_may_be_missing(const Pipeline& pipeline);

/// The figures of the epoch at whose end the checkpoint was written, as the run recorded them; empty if the
/// checkpoint lies in no run or within an epoch.
std::map<std::string, double> recorded_metrics(const TrainedModel& trained);

}  // namespace slipway
