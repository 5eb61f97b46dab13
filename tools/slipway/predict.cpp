#include <cmath>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "core/graph/passes/passes.h"
#include "core/runtime/executor.h"
#include "data/loader.h"
#include "tools/slipway/device_option.h"
#include "tools/slipway/verb.h"
#include "tools/train/data_source.h"
#include "tools/train/prediction_input.h"
#include "tools/train/project.h"
#include "tools/train/trained_model.h"
#include "tools/train/training_program.h"

namespace slipway {
namespace {

/// What the model says of one sample.
struct Prediction {
  std::string sample;
  std::int64_t label = -1;     // of a classifier
  std::vector<double> values;  // probabilities of a classifier, else the outputs
};

class PredictVerb : public Verb {
 public:
  std::string name() const override { return "predict"; }
  std::string summary() const override { return "Apply a trained model to images, CSV rows or HDF5 data"; }
  std::string details() const override {
    return "Inputs are image files or directories, one CSV file with the training data's columns, or one "
           "HDF5 file with\n"
           "a dataset named like the model's input; without inputs, the configuration's test data.\n\n"
           "Examples:\n  slipway predict runs/pets photos/*.jpg\n"
           "  slipway predict runs/iris_mlp flowers.csv --format csv\n"
           "  slipway predict runs/mnist_cnn --format json -o predictions.jsonl";
  }
  void options(CLI::App& app) override {
    app.add_option("RUN_OR_CHECKPOINT", model_, "run directory (its best checkpoint) or checkpoint")
        ->required();
    app.add_option("INPUT", inputs_, "images, directories, a CSV or an HDF5 file");
    app.add_option("--format", format_, "text, csv or json (one object a line)")
        ->check(CLI::IsMember({"text", "csv", "json"}))
        ->capture_default_str();
    app.add_option("-o,--output", output_, "file to write; by default the terminal");
    app.add_option("--batch", batch_, "samples a batch")->capture_default_str()->check(CLI::PositiveNumber);
    app.add_option("--threads", threads_, "CPU threads")->capture_default_str()->check(CLI::PositiveNumber);
    add_device_option(app, device_);
  }

  int run() override {
    TrainedModel trained(model_);
    const std::shared_ptr<const Dataset> dataset = open_inputs(trained);
    Loader loader(dataset, trained.shared_pipeline(),
                  {.batch_size = batch_, .mode = Mode::evaluation, .workers = 1});
    std::ofstream file;
    if (!output_.empty()) {
      file.open(output_);
      require_user(file.good(), output_, ": cannot be written");
    }
    std::ostream& out = output_.empty() ? std::cout : file;
    const std::vector<std::string>& labels = trained.pipeline().source().target().labels;
    const Compute compute({.device = device_.empty() ? trained.config().device : device_,
                           .threads = threads_,
                           .deterministic = trained.config().deterministic});
    Variables variables = trained.variables().copy_to(compute.stream());
    std::map<std::int64_t, std::unique_ptr<Executor>> executors;
    bool header = true;
    while (const Batch* batch = loader.next()) {
      std::unique_ptr<Executor>& executor = executors[batch->size()];
      if (!executor) executor = compile(trained, variables, batch->size());
      executor->bind(trained.pipeline().batch().inputs[0].name, batch->tensors[0]);
      executor->run();
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
    if (!inputs_.empty()) return open_prediction_input(inputs_, trained.pipeline().source());
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
    Graph graph = optimize(std::move(forward.graph), stream, variables);
    variables.allocate(graph);
    return std::make_unique<Executor>(std::move(graph), stream, variables);
  }

  static Prediction predict(const Tensor& output, std::int64_t row, std::string sample,
                            const std::vector<std::string>& labels) {
    const std::int64_t width = output.shape().elements(1, output.shape().rank());
    const auto values =
        output.as<float>().subspan(static_cast<std::size_t>(row * width), static_cast<std::size_t>(width));
    Prediction prediction{.sample = std::move(sample),
                          .values = std::vector<double>(values.begin(), values.end())};
    if (labels.empty() || static_cast<std::size_t>(width) != labels.size()) return prediction;
    const auto best = std::max_element(values.begin(), values.end());
    prediction.label = best - values.begin();
    double sum = 0;
    for (double& value : prediction.values) sum += value = std::exp(value - static_cast<double>(*best));
    for (double& value : prediction.values) value /= sum;
    return prediction;
  }

  void print(std::ostream& out, const Prediction& prediction, const std::vector<std::string>& labels,
             bool header) const {
    const bool classifies = prediction.label >= 0;
    const std::string label = classifies ? labels[static_cast<std::size_t>(prediction.label)] : "";
    if (format_ == "json") {
      nlohmann::ordered_json line = {{"sample", prediction.sample}};
      if (classifies) line["label"] = label, line["index"] = prediction.label;
      line[classifies ? "probabilities" : "output"] = prediction.values;
      out << line.dump() << '\n';
    } else if (format_ == "csv") {
      if (header) {
        out << "sample" << (classifies ? ",label,index" : "");
        for (std::size_t i = 0; i < prediction.values.size(); ++i) {
          out << ',' << (classifies ? quoted(labels[i]) : text("output_", i));
        }
        out << '\n';
      }
      out << quoted(prediction.sample);
      if (classifies) out << ',' << quoted(label) << ',' << prediction.label;
      for (const double value : prediction.values) out << ',' << value;
      out << '\n';
    } else {
      out << prediction.sample << ": ";
      if (classifies) {
        const double probability = prediction.values[static_cast<std::size_t>(prediction.label)];
        out << label << " (" << std::round(probability * 1000) / 10 << " %)\n";
      } else {
        for (std::size_t i = 0; i < prediction.values.size(); ++i)
          out << (i ? ", " : "") << prediction.values[i];
        out << '\n';
      }
    }
  }

  /// A CSV cell (RFC 4180).
  static std::string quoted(const std::string& cell) {
    if (cell.find_first_of(",\"\r\n") == std::string::npos) return cell;
    std::string result = "\"";
    for (const char c : cell) result += c == '"' ? std::string("\"\"") : std::string(1, c);
    return result + '"';
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
