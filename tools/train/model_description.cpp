#include "tools/train/model_description.h"

#include <cmath>
#include <filesystem>
#include <limits>

#include "core/base/version.h"
#include "tools/train/observers/history.h"
#include "tools/train/run_directory.h"

namespace slipway {
namespace {

using Json = nlohmann::ordered_json;

Json shape_json(const Shape& shape) {
  Json json = Json::array({"batch_size"});
  for (const std::int64_t size : shape) json.push_back(size);
  return json;
}

Json image_json(const Feature& source, const Shape& batch) {
  Json json = {{"axes", {"batch_size", "channels", "height", "width"}}};
  const std::int64_t channels = batch[0];
  if (channels == 1 || channels == 3) json["channel_order"] = channels == 1 ? "grey" : "RGB";
  if (source.dtype == DType::uint8) json["range"] = {0, 255};
  return json;
}

Json columns_json(const Pipeline& pipeline, const Feature& table) {
  const std::vector<bool> may_be_missing = columns_that_may_be_missing(pipeline);
  Json columns = Json::array();
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    const Column& column = table.columns[i];
    Json json = {{"name", column.name}, {"kind", "numeric"}};
    if (column.kind == Column::Kind::categorical) json["kind"] = "categorical";
    if (column.kind == Column::Kind::indicator) json["kind"] = "indicator";
    if (!column.labels.empty()) json["labels"] = column.labels;
    json["may_be_missing"] = static_cast<bool>(may_be_missing[i]);
    columns.push_back(std::move(json));
  }
  return columns;
}

Json input_json(const Pipeline& pipeline) {
  const Feature &source = pipeline.source().inputs[0], &batch = pipeline.batch().inputs[0];
  const bool floats = batch.dtype == DType::uint8;  // see with_float_inputs
  Json json = {{"name", batch.name},
               {"dtype", to_string(floats ? DType::float32 : batch.dtype)},
               {"shape", shape_json(batch.shape)}};
  switch (source.kind) {
    case Feature::Kind::image:
      json["kind"] = "image";
      json.update(image_json(source, batch.shape));
      break;
    case Feature::Kind::table:
      json["kind"] = "table";
      json["missing_value"] = "NaN";
      json["columns"] = columns_json(pipeline, batch);
      break;
    default:
      json["kind"] = "tensor";
  }
  Json steps = Json::array();
  for (const SampleStep& step : pipeline.sample_steps(0)) {
    steps.push_back({{"name", step.name}, {"size", step.size}});
  }
  if (!steps.empty()) json["prepare"] = std::move(steps);
  return json;
}

Json output_json(const TrainedModel& trained, const ModelDescription& description, const Feature& target) {
  const Model::Forward forward = trained.model().forward({.mode = Mode::evaluation, .batch_size = 1});
  const ValueType& type = forward.graph.type(forward.output);
  Json json = {{"name", description.output_name},
               {"dtype", to_string(type.dtype)},
               {"shape", shape_json(type.shape.without(0))},
               {"target", target.name},
               {"activation", description.activation}};
  if (!description.labels.empty()) json["labels"] = description.labels;
  if (!target.columns.empty()) {
    for (const Column& column : target.columns) json["columns"].push_back(column.name);
  }
  return json;
}

std::string task_of(const Schema& schema, bool activated) {
  const Feature& input = schema.inputs[0];
  const bool classifies = activated || schema.target().kind == Feature::Kind::label;
  const std::string task = schema.targets.empty() ? "reconstruction"
                           : classifies           ? "classification"
                                                  : "regression";
  if (input.kind == Feature::Kind::image) return "image-" + task;
  if (input.kind == Feature::Kind::table) return "tabular-" + task;
  return task;
}

}  // namespace

std::vector<bool> columns_that_may_be_missing(const Pipeline& pipeline) {
  const std::int64_t columns = pipeline.batch().inputs[0].shape[0];
  const Tensor batch = Tensor::zeros(DType::float32, {columns, columns});
  for (std::int64_t i = 0; i < columns; ++i) {
    batch.as<float>()[static_cast<std::size_t>(i * columns + i)] = std::numeric_limits<float>::quiet_NaN();
  }
  const Tensor result = pipeline.preprocess(0, batch);
  const auto width = static_cast<std::size_t>(result.shape()[1]);
  std::vector<bool> may;
  for (std::size_t i = 0; i < static_cast<std::size_t>(columns); ++i) {
    const auto row = result.as<float>().subspan(i * width, width);
    may.push_back(std::none_of(row.begin(), row.end(), [](float value) { return std::isnan(value); }));
  }
  return may;
}

std::map<std::string, double> recorded_metrics(const TrainedModel& trained) {
  const std::filesystem::path run =
      std::filesystem::path(trained.checkpoint_path()).parent_path().parent_path();
  const RunInfo everything{.start_step = std::numeric_limits<std::int64_t>::max(),
                           .start_epoch = std::numeric_limits<std::int64_t>::max()};
  for (const EpochRecord& record : read_history((run / "metrics.jsonl").string(), everything).epochs) {
    if (record.step == trained.checkpoint().progress.step && record.validated) return record.metrics;
  }
  return {};
}

ModelDescription describe_model(const TrainedModel& trained) {
  const Pipeline& pipeline = trained.pipeline();
  const Feature& target = pipeline.source().target();
  ModelDescription description;
  description.activation = trained.config().loss->activation();
  const bool activated = description.activation != "none";
  description.task = task_of(pipeline.source(), activated);
  description.input_name = pipeline.batch().inputs[0].name;
  description.output_name = activated ? "logits" : "output";
  description.labels = target.labels;
  Json& json = description.json;
  json = {{"format", 1},
          {"name", trained.config().name},
          {"task", description.task},
          {"inputs", Json::array({input_json(pipeline)})},
          {"outputs", Json::array({output_json(trained, description, target)})},
          {"training", {{"step", trained.checkpoint().progress.step}}},
          {"versions", {{"slipway", version()}, {"onnx_ir", 8}, {"onnx_opset", 17}}}};
  const std::map<std::string, double> metrics = recorded_metrics(trained);
  if (!metrics.empty()) json["training"]["validation"] = metrics;
  return description;
}

}  // namespace slipway
