#include "tools/train/export_bundle.h"

#include <gmock/gmock.h>
#include <onnx/checker.h>

#include <cmath>
#include <regex>

#include "core/base/random.h"
#include "tests/support/command.h"
#include "tests/support/paths.h"
#include "tests/support/python.h"
#include "tests/support/temporary_directory.h"
#include "tools/train/run_state.h"
#include "tools/train/schema_text.h"

namespace slipway::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

/// Writes a checkpoint of a model with random weights, as if it had been trained on data of that schema.
std::string write_model(const TemporaryDirectory& directory, const std::string& yaml, const Schema& schema) {
  const RunConfig config = parse_run_config(yaml, "sample.yaml");
  const Pipeline pipeline(schema, config.data.transforms);
  const Graph graph = Model(config, pipeline).forward({.mode = Mode::evaluation}).graph;
  Checkpoint checkpoint;
  checkpoint.config = yaml;
  checkpoint.progress.step = 12;
  checkpoint.texts[kSchemaText] = schema_to_json(schema);
  checkpoint.texts[kBaseDirectoryText] = directory.path();
  RandomSequence random({.key = 7});
  for (const Node& node : graph.nodes()) {
    if (node.kind != NodeKind::variable) continue;
    const Tensor value(DType::float32, node.variable.shape);
    if (node.variable.shape.rank() > 1) {
      node.variable.initialize(value);
    } else {  // of layers that count features: far from 0 and 1, so that folding wrongly shows
      const double low = node.variable.trainable ? -0.6 : 0.3, high = node.variable.trainable ? 0.8 : 2;
      for (float& x : value.as<float>()) x = static_cast<float>(random.uniform(low, high));
    }
    (node.variable.trainable ? checkpoint.parameters : checkpoint.state)[node.name] = value;
  }
  const std::string path = directory / "model.h5";
  write_checkpoint(path, checkpoint);
  return path;
}

constexpr const char* kImageModel = R"(
data:
  train: {mnist: {path: nowhere}}
  transforms:
    - center_crop: [9, 8]
    - to_float
    - normalize: {mean: [0.5, 0.4, 0.3], std: [0.2, 0.3, 0.4]}
model:
  - conv2d: {filters: 6, kernel: 3, padding: same}
  - batch_norm
  - relu
  - max_pool: 2
  - dropout: 0.5
  - conv2d: {filters: 4, kernel: 2, bias: false}
  - batch_norm
  - relu
  - flatten
  - linear: 5
  - batch_norm
  - relu
  - linear: 3
loss: cross_entropy
train:
  optimizer: sgd
)";

Schema image_schema() {
  return {.inputs =
              {{.name = "image", .kind = Feature::Kind::image, .dtype = DType::uint8, .shape = {3, 12, 10}}},
          .targets = {{.name = "label",
                       .kind = Feature::Kind::label,
                       .dtype = DType::int64,
                       .labels = {"cat", "dog", "fox"}}}};
}

constexpr const char* kTableModel = R"(
data:
  train: {csv: {path: nowhere.csv, target: price}}
  transforms:
    - standardize: {mean: [20, 300, 0], std: [5, 40, 1]}
    - one_hot
model:
  - linear: 8
  - relu
  - linear: 1
loss: mse
train:
  optimizer: sgd
)";

Schema table_schema() {
  return {.inputs = {{.name = "features",
                      .kind = Feature::Kind::table,
                      .shape = {3},
                      .columns = {{.name = "area"},
                                  {.name = "distance"},
                                  {.name = "colour",
                                   .kind = Column::Kind::categorical,
                                   .labels = {"red", "green", "blue"}}}}},
          .targets = {{.name = "price", .shape = {1}, .columns = {{.name = "price"}}}}};
}

/// The JavaScript of docs/export.md that is marked with this word, as the user copies it.
std::string documented_code(const std::string& mark) {
  std::ifstream file(source_path("docs/export.md"));
  const std::string page{std::istreambuf_iterator<char>(file), {}};
  const std::string fence = "```js " + mark + "\n";
  const std::size_t start = page.find(fence);
  require(start != std::string::npos, "docs/export.md has no JavaScript marked '", mark, "'");
  const std::size_t first = start + fence.size();
  return page.substr(first, page.find("```", first) - first);
}

class ExportBundleTest : public testing::Test {
 protected:
  /// Exports; the result passes ONNX's checker, agrees with onnxruntime in several batch sizes, and its
  /// example runs.
  ExportBundle run(const std::string& yaml, const Schema& schema) {
    const TrainedModel trained(write_model(directory_, yaml, schema));
    const ExportBundle bundle = export_bundle(trained, bundle_, {});
    onnx::checker::check_model(bundle_ + "/model.onnx");
    run_node("tools/web/verify/verify.mjs", {"--runtime", "node,web", bundle_});
    std::filesystem::create_directory_symlink(source_path("tools/web/verify/node_modules"),
                                              directory_ / "node_modules");
    example_output_ = run_command("node " + bundle_ + "/example.mjs");
    return bundle;
  }
  std::string run_documented_code(const std::string& mark) const {
    directory_.write("bundle/documented.mjs", documented_code(mark));
    return run_command("cd " + bundle_ + " && node documented.mjs");
  }
  std::string op_types() const {
    return run_python(R"(
import onnx, sys
model = onnx.load(sys.argv[1])
onnx.checker.check_model(model, full_check=True)
print(*[node.op_type for node in model.graph.node])
)",
                      {bundle_ + "/model.onnx"});
  }

  TemporaryDirectory directory_;
  std::string bundle_ = directory_ / "bundle";
  std::string example_output_;
};

TEST_F(ExportBundleTest, ConvolutionalNetwork) {
  const ExportBundle bundle = run(kImageModel, image_schema());
  EXPECT_EQ(op_types(), "Mul Add Conv Relu MaxPool Conv Relu Reshape Gemm Relu Gemm\n");
  const auto& json = bundle.description.json;
  EXPECT_EQ(json["task"], "image-classification");
  const auto& input = json["inputs"][0];
  EXPECT_EQ(input["shape"], nlohmann::ordered_json({"batch_size", 3, 9, 8}));
  EXPECT_EQ(input["dtype"], "float32");
  EXPECT_EQ(input["range"], nlohmann::ordered_json({0, 255}));
  EXPECT_EQ(input["channel_order"], "RGB");
  EXPECT_EQ(input["prepare"], nlohmann::ordered_json::parse(R"([{"name": "center_crop", "size": [9, 8]}])"));
  const auto& output = json["outputs"][0];
  EXPECT_EQ(output["name"], "logits");
  EXPECT_EQ(output["shape"], nlohmann::ordered_json({"batch_size", 3}));
  EXPECT_EQ(output["activation"], "softmax");
  EXPECT_EQ(output["labels"], nlohmann::ordered_json({"cat", "dog", "fox"}));
  EXPECT_THAT(example_output_, testing::ContainsRegex("sample 0: (cat|dog|fox)\nsample 1:"));
  EXPECT_THAT(run_documented_code("image"), testing::ContainsRegex("cat 0\\.[0-9]+\ndog 0\\.[0-9]+\nfox 0"));
  EXPECT_THAT(bundle.files, ElementsAre("model.onnx", "slipway.json", "golden.json", "example.mjs"));
}

TEST_F(ExportBundleTest, ResidualNetwork) {
  std::ifstream file(source_path("configs/cifar10_resnet18.yaml"));
  Schema schema = image_schema();
  schema.inputs[0].shape = {3, 32, 32};
  schema.targets[0].labels.assign(10, "thing");
  const ExportBundle bundle = run(std::string(std::istreambuf_iterator<char>(file), {}), schema);
  const std::string types = op_types();
  EXPECT_THAT(types, Not(HasSubstr("BatchNormalization")));
  const std::regex convolution("Conv");
  EXPECT_EQ(std::distance(std::sregex_iterator(types.begin(), types.end(), convolution), {}), 20);
  EXPECT_FALSE(bundle.description.json["inputs"][0].contains("prepare"));  // the crop leaves 32x32 as it is
}

TEST_F(ExportBundleTest, TableWithMissingValues) {
  const ExportBundle bundle = run(kTableModel, table_schema());
  const auto& json = bundle.description.json;
  EXPECT_EQ(json["task"], "tabular-regression");
  EXPECT_EQ(json["outputs"][0]["activation"], "none");
  EXPECT_EQ(json["outputs"][0]["columns"], nlohmann::ordered_json({"price"}));
  const auto& columns = json["inputs"][0]["columns"];
  ASSERT_EQ(columns.size(), 3U);
  EXPECT_EQ(columns[2]["labels"], nlohmann::ordered_json({"red", "green", "blue"}));
  for (const auto& column : columns) EXPECT_EQ(column["may_be_missing"], true);
  const auto golden = nlohmann::ordered_json::parse(std::ifstream(bundle_ + "/golden.json"));
  EXPECT_TRUE(golden["inputs"]["features"]["data"].back().is_null());  // so missing values were verified
  EXPECT_TRUE(golden["outputs"]["output"]["data"].back().is_number());
  EXPECT_THAT(run_documented_code("table"), testing::ContainsRegex("price -?[0-9.]+\n"));
  EXPECT_THAT(example_output_, testing::ContainsRegex("sample 0: -?[0-9.]+\n"));
}

TEST_F(ExportBundleTest, Autoencoder) {
  Schema schema = image_schema();
  schema.targets.clear();
  schema.reconstructed = "image";
  const ExportBundle bundle = run(R"(
data:
  train: {hdf5: {path: nowhere.h5, inputs: [image], targets: [image]}}
  transforms: [to_float]
model: [conv2d: {filters: 2, kernel: 3, stride: 2}, relu, flatten, linear: 360, reshape: [3, 12, 10]]
loss: bce_with_logits
train: {optimizer: sgd}
)",
                                  schema);
  const auto& json = bundle.description.json;
  EXPECT_EQ(json["task"], "image-reconstruction");
  EXPECT_EQ(json["inputs"].size(), 1U);
  EXPECT_EQ(json["outputs"][0]["target"], "image");
  EXPECT_EQ(json["outputs"][0]["activation"], "sigmoid");
  EXPECT_EQ(json["outputs"][0]["shape"], nlohmann::ordered_json({"batch_size", 3, 12, 10}));
}

TEST_F(ExportBundleTest, MetadataHoldsTheSameLabels) {
  run(kImageModel, image_schema());
  run_python(R"(
import json, onnx, sys
model = onnx.load(sys.argv[1] + "/model.onnx")
metadata = {p.key: p.value for p in model.metadata_props}
described = json.load(open(sys.argv[1] + "/slipway.json"))
assert json.loads(metadata["slipway.json"]) == described
assert json.loads(metadata["labels"]) == described["outputs"][0]["labels"] == ["cat", "dog", "fox"]
assert [d.dim_param or d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim] == ["batch_size", 3, 9, 8]
)",
             {bundle_});
}

}  // namespace
}  // namespace slipway::test
