#include <cmath>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "core/base/shortest.h"
#include "core/graph/passes/passes.h"
#include "core/runtime/executor.h"
#include "data/batch_feed.h"
#include "data/formats/csv.h"
#include "tools/slipway/shared_options.h"
#include "tools/slipway/verb.h"
#include "tools/train/data_source.h"
#include "tools/train/precision.h"
#include "tools/train/prediction_input.h"
#include "tools/train/project.h"
#include "tools/train/trained_model.h"
#include "tools/train/training_program.h"

namespace slipway {
namespace {

/// What the model says of one sample.
struct Prediction {
  std::string sample;
  std::int64_t label = -1;    // of a classifier
  std::vector<float> values;  // probabilities of a classifier, else the outputs
};

class PredictVerb : public Verb {
 public:
  std::string name() const override { return "predict"; }
  std::string summary() const override {
    return "Apply a trained model to images, tables, IDX or HDF5 files";
  }
  std::string details() const override {
    return "INPUT is one of\n"
           "  images          .png, .jpg or .jpeg files, or directories of them\n"
           "  a table         one file of rows, read as the training data were: the configuration's "
           "columns,\n"
           "                  delimiter and missing values; without the target, it starts with column names\n"
           "  an IDX file     such as t10k-images-idx3-ubyte.gz\n"
           "  an HDF5 file    with a dataset [samples, ...] named like the model's input\n"
           "Without INPUT, the configuration's test (else validation) data are taken.\n\n"
           "Examples:\n  slipway predict runs/pets photos/*.jpg\n"
           "  slipway predict runs/iris_mlp flowers.csv --format csv\n"
           "  slipway predict runs/mnist_cnn --format json -o predictions.jsonl";
  }
  void options(CLI::App& app) override {
    add_trained_model_option(app, model_);
    app.add_option("INPUT", inputs_, "what to predict from, see below");
    app.add_option("--format", format_, "text to read, csv, or json (one object a line)")
        ->check(CLI::IsMember({"text", "csv", "json"}))
        ->capture_default_str();
    app.add_option("-o,--output", output_, "file to write; by default the terminal");
    app.add_option("--batch", batch_, "samples a batch")->capture_default_str()->check(CLI::PositiveNumber);
    add_threads_option(app, threads_);
    add_device_option(app, device_);
  }

  int run() override {
    TrainedModel trained(model_);
    const std::shared_ptr<const Dataset> dataset = open_inputs(trained);
    // Data to predict from may lack targets.
    Schema schema = trained.pipeline().source();
    if (dataset->schema().targets.empty()) schema.targets.clear();
    Loader loader(dataset, std::make_shared<Pipeline>(schema, trained.config().data.transforms),
                  {.batch_size = batch_, .mode = Mode::evaluation, .workers = 1, .held = 2});
    std::ofstream file;
    if (!output_.empty()) {
      file.open(output_);
      require_user(file.good(), output_, ": cannot be written");
    }
    std::ostream& out = output_.empty() ? std::cout : file;
    const std::vector<std::string>& labels = trained.pipeline().source().target().labels;
    const Compute compute(trained.compute(device_, threads_));
    Variables variables = trained.variables().on(compute.stream());
    std::map<std::int64_t, std::unique_ptr<Executor>> executors;
    bool header = true;
    BatchFeed feed(loader, compute.stream());
    while (const Batch* batch = feed.next()) {
      std::unique_ptr<Executor>& executor = executors[batch->size()];
      if (!executor) executor = compile(trained, variables, batch->size());
      executor->bind(trained.pipeline().batch().inputs[0].name, feed.values()[0]);
      executor->run();
      feed.fetch_ahead();
      const Tensor output = executor->read("output");
      for (std::int64_t i = 0; i < batch->size(); ++i) {
        const std::string sample = dataset->describe(batch->indices[static_cast<std::size_t>(i)]);
        print(out, predict(output, i, sample, labels), labels, std::exchange(header, false));
      }
    }
    out.flush();
    require_user(out.good(), output_, ": could not be written completely");
    return 0;
  }

 private:
  std::shared_ptr<const Dataset> open_inputs(TrainedModel& trained) const {
    if (!inputs_.empty()) {
      return open_prediction_input(inputs_, trained.pipeline().source(), *trained.config().data.train);
    }
    const DataSource source(trained.config(), trained.base_directory());
    std::shared_ptr<const Dataset> dataset = source.part(DataSource::Part::test);
    require_user(dataset != nullptr, model_,
                 ": its configuration has no test or validation data, expected inputs");
    return dataset;
  }

  std::unique_ptr<Executor> compile(const TrainedModel& trained, Variables& variables,
                                    std::int64_t batch) const {
    const Stream& stream = variables.stream();
    Model::Forward forward = trained.model().forward({.batch_size = batch});
    forward.graph.output("output", forward.output);
    const Precision precision = precision_on(stream.device, parse_precision(trained.config().precision));
    Graph graph = optimize(in_precision(std::move(forward.graph), precision), stream, variables);
    variables.allocate(graph);
    return std::make_unique<Executor>(std::move(graph), stream, variables,
                                      ExecutorOptions{.capture = trained.config().capture});
  }

  static Prediction predict(const Tensor& output, std::int64_t row, std::string sample,
                            const std::vector<std::string>& labels) {
    const std::int64_t width = output.shape().elements(1, output.shape().rank());
    const auto values =
        output.as<float>().subspan(static_cast<std::size_t>(row * width), static_cast<std::size_t>(width));
    Prediction prediction{.sample = std::move(sample),
                          .values = std::vector<float>(values.begin(), values.end())};
    if (labels.empty() || static_cast<std::size_t>(width) != labels.size()) return prediction;
    const auto best = std::max_element(values.begin(), values.end());
    prediction.label = best - values.begin();
    const auto exponential = [&](float value) { return std::exp(static_cast<double>(value) - *best); };
    double sum = 0;
    for (const float value : values) sum += exponential(value);
    for (float& value : prediction.values) value = static_cast<float>(exponential(value) / sum);
    return prediction;
  }

  void print(std::ostream& out, const Prediction& prediction, const std::vector<std::string>& labels,
             bool header) const {
    const std::string label = prediction.label < 0 ? "" : labels[static_cast<std::size_t>(prediction.label)];
    if (format_ == "json") {
      print_json(out, prediction, label);
    } else if (format_ == "csv") {
      if (header) print_csv_header(out, prediction, labels);
      print_csv(out, prediction, label);
    } else {
      print_text(out, prediction, label);
    }
  }

  static void print_json(std::ostream& out, const Prediction& prediction, const std::string& label) {
    const auto quoted = [](const std::string& text) {  // file names may be no UTF-8
      return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    };
    const bool classifies = prediction.label >= 0;
    out << R"({"sample":)" << quoted(prediction.sample);
    if (classifies) out << R"(,"label":)" << quoted(label) << R"(,"index":)" << prediction.label;
    out << (classifies ? R"(,"probabilities":)" : R"(,"output":)");
    char separator = '[';
    for (const float value : prediction.values) {
      out << std::exchange(separator, ',') << (std::isfinite(value) ? shortest(value) : "null");
    }
    out << "]}\n";
  }

  static void print_csv_header(std::ostream& out, const Prediction& prediction,
                               const std::vector<std::string>& labels) {
    const bool classifies = prediction.label >= 0;
    out << "sample" << (classifies ? ",label,index" : "");
    for (std::size_t i = 0; i < prediction.values.size(); ++i) {
      out << ',' << (classifies ? csv_cell(labels[i]) : text("output_", i));
    }
    out << '\n';
  }

  static void print_csv(std::ostream& out, const Prediction& prediction, const std::string& label) {
    out << csv_cell(prediction.sample);
    if (prediction.label >= 0) out << ',' << csv_cell(label) << ',' << prediction.label;
    for (const float value : prediction.values) out << ',' << shortest(value);
    out << '\n';
  }

  static void print_text(std::ostream& out, const Prediction& prediction, const std::string& label) {
    out << prediction.sample << ": ";
    if (prediction.label >= 0) {
      const float probability = prediction.values[static_cast<std::size_t>(prediction.label)];
      out << label << " (" << std::round(probability * 1000) / 10 << " %)\n";
      return;
    }
    for (std::size_t i = 0; i < prediction.values.size(); ++i)
      out << (i > 0 ? ", " : "") << prediction.values[i];
    out << '\n';
  }

  std::string model_, format_ = "text", output_;
  std::vector<std::string> inputs_;
  std::int64_t batch_ = 64;
  std::string device_;
  int threads_ = default_threads();
};

const RegisterVerb<PredictVerb> registered;

}  // namespace
}  // namespace slipway
