#include "tools/train/export_bundle.h"

#include <filesystem>

#include "core/io/atomic_file.h"
#include "tools/onnx/export.h"
#include "tools/onnx/float_input.h"
#include "tools/onnx/golden.h"

namespace slipway {
namespace {

// Reads its files from beside itself, so that it runs from anywhere.
constexpr const char* kExampleHead = R"(// node example.mjs, after `npm install onnxruntime-node`
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import ort from 'onnxruntime-node';

const path = (name) => fileURLToPath(new URL(name, import.meta.url));
const { inputs: [input], outputs: [output] } = JSON.parse(await readFile(path('slipway.json'), 'utf8'));
const golden = JSON.parse(await readFile(path('golden.json'), 'utf8')).inputs[input.name];
const session = await ort.InferenceSession.create(path('model.onnx'));
)";

constexpr const char* kExampleFloats = R"(
const data = Float32Array.from(golden.data, (value) => value ?? NaN); // put )";

constexpr const char* kExampleRun = R"(
const results = await session.run({ [input.name]: new ort.Tensor(input.dtype, data, golden.shape) });
const { data: values, dims: [samples] } = results[output.name];
for (let i = 0, size = values.length / samples; i < samples; ++i) {
  const row = Array.from(values.subarray(i * size, (i + 1) * size));
)";

std::string example(const ModelDescription& description) {
  const nlohmann::ordered_json& input = description.json["inputs"][0];
  const std::string kind = input["kind"];
  std::string own = "your own values here";
  if (kind == "image") own = "your own pixels here, channel by channel, row by row";
  if (kind == "table") own = "your own rows here, columns in the order of input.columns";
  std::string code = kExampleHead;
  if (input["dtype"] == "int64")
    code += "\nconst data = BigInt64Array.from(golden.data, BigInt); // put " + own;
  else
    code += kExampleFloats + own;
  code += kExampleRun;
  code += description.activation == "softmax" && !description.labels.empty()
              ? "  console.log(`sample ${i}: ${output.labels[row.indexOf(Math.max(...row))]}`);\n"
              : "  console.log(`sample ${i}: ${row}`);\n";
  return code + "}\n";
}

OnnxModelInfo model_info(const TrainedModel& trained, const ModelDescription& description) {
  return {
      .name = trained.config().name.empty() ? "slipway" : trained.config().name,
      .description = text("Trained with Slipway; raw input, preprocessing included. ", "See slipway.json."),
      .metadata = {{"task", description.task},
                   {"labels", nlohmann::json(description.labels).dump()},
                   {"activation", description.activation},
                   {"slipway.json", description.json.dump()}}};
}

}  // namespace

ExportBundle export_bundle(const TrainedModel& trained, const std::string& directory, const Stream& stream) {
  namespace fs = std::filesystem;
  std::error_code error;
  fs::create_directories(directory, error);
  require_user(!error && fs::is_directory(directory), "cannot make the directory ", directory, ": ",
               error ? error.message() : "it is a file");
  const auto path = [&](const char* name) { return (fs::path(directory) / name).string(); };

  ExportBundle bundle{.description = describe_model(trained)};
  const ModelDescription& description = bundle.description;
  const auto build = [&](std::int64_t batch_size) {
    Model::Forward forward = trained.model().forward({.mode = Mode::evaluation, .batch_size = batch_size});
    forward.graph.output(description.output_name, forward.output);
    return with_float_inputs(forward.graph);
  };
  write_onnx(build, trained.variables(), path("model.onnx"), model_info(trained, description));

  GoldenSamples samples = golden_samples(trained);
  const Tensor output = predict_golden(trained, samples.input, stream);
  if (samples.input.dtype() == DType::uint8) samples.input = samples.input.cast(DType::float32);
  write_file_atomically(path("golden.json"), golden_json({{description.input_name, samples.input}},
                                                         {{description.output_name, output}}));
  bundle.golden_origin = samples.origin;
  bundle.example = example(description);
  write_file_atomically(path("example.mjs"), bundle.example);
  write_file_atomically(path("slipway.json"), description.json.dump(2) + '\n');
  for (const char* name : {"model.onnx", "model.onnx_data", "slipway.json", "golden.json", "example.mjs"}) {
    if (fs::exists(path(name))) bundle.files.push_back(name);
  }
  return bundle;
}

}  // namespace slipway
