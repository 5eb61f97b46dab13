#include <iomanip>
#include <iostream>
#include <nlohmann/json.hpp>

#include "data/loader.h"
#include "tools/slipway/shared_options.h"
#include "tools/slipway/verb.h"
#include "tools/train/data_source.h"
#include "tools/train/evaluator.h"
#include "tools/train/project.h"
#include "tools/train/trained_model.h"

namespace slipway {
namespace {

class EvaluateVerb : public Verb {
 public:
  std::string name() const override { return "evaluate"; }
  std::string summary() const override {
    return "Measure a trained model on its test, validation or training set";
  }
  std::string details() const override {
    return "Examples:\n  slipway evaluate runs/mnist_cnn\n"
           "  slipway evaluate runs/mnist_cnn/checkpoints/last.h5 --on validation --json";
  }
  void options(CLI::App& app) override {
    add_trained_model_option(app, path_);
    app.add_option("--on", on_, "test (else validation), validation or train")
        ->check(CLI::IsMember({"test", "validation", "train"}))
        ->capture_default_str();
    add_threads_option(app, threads_);
    add_device_option(app, device_);
    app.add_flag("--json", json_, "print one line of JSON");
  }

  int run() override {
    TrainedModel trained(path_);
    DataSource source(trained.config(), trained.base_directory());
    const auto part = on_ == "train"        ? DataSource::Part::train
                      : on_ == "validation" ? DataSource::Part::validation
                                            : DataSource::Part::test;
    const std::shared_ptr<const Dataset>& dataset = source.part(part);
    require_user(dataset != nullptr, path_, ": its configuration has no ", on_, " data");
    const Compute compute(trained.compute(device_, threads_));
    trained.deliver_to(compute.stream().device);
    Loader loader(dataset, trained.shared_pipeline(),
                  {.batch_size = trained.config().train.evaluation_batch(),
                   .mode = Mode::evaluation,
                   .workers = static_cast<int>(trained.config().data.workers),
                   .held = 2});
    Evaluator evaluator(trained.model(), compute.stream(), trained.variables().on(compute.stream()));
    print(evaluator.run(loader), trained);
    return 0;
  }

 private:
  void print(const Evaluator::Result& result, const TrainedModel& trained) const {
    if (json_) {
      nlohmann::ordered_json figures;
      for (const Evaluator::Figure& figure : result.figures) figures[figure.name] = figure.value;
      std::cout << nlohmann::ordered_json{{"checkpoint", trained.checkpoint_path()},
                                          {"on", on_},
                                          {"samples", result.samples},
                                          {"figures", figures}}
                       .dump()
                << '\n';
      return;
    }
    std::cout << trained.checkpoint_path() << " (step " << trained.checkpoint().progress.step << ") on "
              << result.samples << " samples:\n";
    for (const Evaluator::Figure& figure : result.figures) {
      std::cout << "  " << std::left << std::setw(16) << figure.name << std::setprecision(6) << figure.value
                << '\n';
    }
  }

  std::string path_, on_ = "test";
  std::string device_;
  int threads_ = default_threads();
  bool json_ = false;
};

const RegisterVerb<EvaluateVerb> registered;

}  // namespace
}  // namespace slipway
