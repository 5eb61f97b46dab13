#include "tools/onnx/model_file.h"

#include <gmock/gmock.h>

#include "core/base/version.h"
#include "tests/support/python.h"
#include "tests/tools/onnx/support.h"

namespace slipway::test {
namespace {

/// y = x weight + small
OnnxGraph sample() {
  return {
      .nodes = {{.op_type = "MatMul", .name = "product", .inputs = {"x", "weight"}, .outputs = {"product"}},
                {.op_type = "Add", .name = "y", .inputs = {"product", "small"}, .outputs = {"y"}}},
      .initializers = {{"weight", Tensor::full(DType::float32, {40, 50}, 0.5)},
                       {"small", Tensor::of<float>({1}, {3})}},
      .inputs = {{.name = "x", .dtype = DType::float32, .shape = {"batch_size", 40}}},
      .outputs = {{.name = "y", .dtype = DType::float32, .shape = {"batch_size", 50}}}};
}

void expect_sample_runs(const TemporaryDirectory& directory) {
  expect_agreement(directory, {{"x", Tensor::full(DType::float32, {2, 40}, 0.25)}},
                   {{"y", Tensor::full(DType::float32, {2, 50}, 8)}});
}

TEST(OnnxModelFile, SaysWhereItIsFromAndWhatItMeans) {
  const TemporaryDirectory directory;
  write_onnx_model(sample(),
                   {.name = "digits", .description = "of a test", .metadata = {{"labels", "[\"a\"]"}}},
                   directory / "model.onnx");
  expect_sample_runs(directory);
  run_python(R"(
import onnx, sys
model = onnx.load(sys.argv[1])
onnx.checker.check_model(model, full_check=True)
assert (model.ir_version, model.opset_import[0].version, len(model.opset_import)) == (8, 17, 1)
assert (model.producer_name, model.producer_version) == ("slipway", sys.argv[2])
assert (model.graph.name, model.doc_string) == ("digits", "of a test")
assert {p.key: p.value for p in model.metadata_props} == {"labels": '["a"]'}
)",
             {directory / "model.onnx", std::string(version())});
}

TEST(OnnxModelFile, PutsLargeWeightsIntoAFileOfTheirOwn) {
  const TemporaryDirectory directory;
  write_onnx_model(sample(), {}, directory / "model.onnx", 4000);
  EXPECT_EQ(std::filesystem::file_size(directory / "model.onnx_data"), 40U * 50 * 4);
  expect_sample_runs(directory);
  // An export in its place that needs no such file leaves none behind.
  write_onnx_model(sample(), {}, directory / "model.onnx");
  EXPECT_FALSE(std::filesystem::exists(directory / "model.onnx_data"));
  expect_sample_runs(directory);
}

TEST(GoldenJson, KeepsEveryValue) {
  const std::string json =
      golden_json({{"x", Tensor::of<float>({2, 2}, {0.1F, NAN, INFINITY, -2})}},
                  {{"label", Tensor::of<std::int64_t>({1}, {7})}, {"flag", Tensor::of<bool>({1}, {true})}});
  EXPECT_EQ(json, R"({
  "inputs": {
    "x": {"dtype": "float32", "shape": [2, 2], "data": [0.1, null, 1e999, -2]}
  },
  "outputs": {
    "flag": {"dtype": "bool", "shape": [1], "data": [1]},
    "label": {"dtype": "int64", "shape": [1], "data": [7]}
  }
}
)");
}

}  // namespace
}  // namespace slipway::test
