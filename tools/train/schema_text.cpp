#include "tools/train/schema_text.h"

#include <nlohmann/json.hpp>

namespace slipway {
namespace {

using Json = nlohmann::ordered_json;

const std::map<Feature::Kind, std::string> kFeatureKinds = {{Feature::Kind::tensor, "tensor"},
                                                            {Feature::Kind::image, "image"},
                                                            {Feature::Kind::table, "table"},
                                                            {Feature::Kind::label, "label"}};
const std::map<Column::Kind, std::string> kColumnKinds = {{Column::Kind::numeric, "numeric"},
                                                          {Column::Kind::categorical, "categorical"},
                                                          {Column::Kind::indicator, "indicator"}};

template <class Kind>
Kind kind_of(const std::map<Kind, std::string>& names, const std::string& name) {
  for (const auto& [kind, known] : names) {
    if (known == name) return kind;
  }
  throw UserError(text("unknown kind '", name, "'"));
}

Json to_json(const Feature& feature) {
  Json columns = Json::array();
  for (const Column& column : feature.columns) {
    columns.push_back(
        {{"name", column.name}, {"kind", kColumnKinds.at(column.kind)}, {"labels", column.labels}});
  }
  return {{"name", feature.name},
          {"kind", kFeatureKinds.at(feature.kind)},
          {"dtype", to_string(feature.dtype)},
          {"shape", std::vector<std::int64_t>(feature.shape.begin(), feature.shape.end())},
          {"labels", feature.labels},
          {"columns", columns}};
}

Feature feature_from(const Json& json) {
  const auto shape = json.at("shape").get<std::vector<std::int64_t>>();
  Feature feature{.name = json.at("name"),
                  .kind = kind_of(kFeatureKinds, json.at("kind")),
                  .dtype = parse_dtype(json.at("dtype").get<std::string>()),
                  .shape = Shape(std::span<const std::int64_t>(shape)),
                  .labels = json.at("labels"),
                  .columns = {}};
  for (const Json& column : json.at("columns")) {
    feature.columns.push_back({.name = column.at("name"),
                               .kind = kind_of(kColumnKinds, column.at("kind")),
                               .labels = column.at("labels")});
  }
  return feature;
}

}  // namespace

std::string schema_to_json(const Schema& schema) {
  Json json = {{"inputs", Json::array()}, {"targets", Json::array()}};
  for (const Feature& feature : schema.inputs) json["inputs"].push_back(to_json(feature));
  for (const Feature& feature : schema.targets) json["targets"].push_back(to_json(feature));
  if (!schema.reconstructed.empty()) json["reconstructed"] = schema.reconstructed;
  return json.dump();
}

Schema schema_from_json(const std::string& json_text, const std::string& origin) {
  try {
    const Json json = Json::parse(json_text);
    Schema schema;
    for (const Json& feature : json.at("inputs")) schema.inputs.push_back(feature_from(feature));
    for (const Json& feature : json.at("targets")) schema.targets.push_back(feature_from(feature));
    schema.reconstructed = json.value("reconstructed", "");
    return schema;
  } catch (const std::exception& error) {
    throw UserError(text(origin, ": its description of the data cannot be read: ", error.what()));
  }
}

}  // namespace slipway
