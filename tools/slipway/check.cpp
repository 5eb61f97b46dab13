#include <algorithm>
#include <iomanip>
#include <iostream>

#include "core/graph/gradient_check.h"
#include "core/graph/passes/passes.h"
#include "core/runtime/step_state.h"
#include "data/loader.h"
#include "layers/ops/structural.h"
#include "tools/slipway/shared_options.h"
#include "tools/slipway/verb.h"
#include "tools/train/project.h"

namespace slipway {
namespace {

class CheckVerb : public Verb {
 public:
  std::string name() const override { return "check"; }
  std::string summary() const override {
    return "Check the gradients of a model against differences, in float64";
  }
  std::string details() const override {
    return "Builds the model in double precision, runs it on a few training samples, and compares the "
           "gradient of the\n"
           "loss with central differences, parameter by parameter. Exit code 1 if one differs.\n\n"
           "Example:\n  slipway check configs/mnist_cnn.yaml --samples 2";
  }
  void options(CLI::App& app) override {
    add_config_option(app, config_);
    add_assignments_option(app, assignments_);
    app.add_option("--samples", samples_, "training samples in the batch")
        ->capture_default_str()
        ->check(CLI::PositiveNumber);
    app.add_option("--elements", elements_, "elements checked of each parameter")
        ->capture_default_str()
        ->check(CLI::PositiveNumber);
    app.add_option("--tolerance", tolerance_, "largest relative error")
        ->capture_default_str()
        ->check(CLI::PositiveNumber);
    add_threads_option(app, threads_);
    add_device_option(app, device_);
  }

  int run() override {
    const Project project(config_, assignments_, threads_);
    Loader loader(project.source().part(DataSource::Part::train), project.source().pipeline(),
                  {.batch_size = samples_, .shuffle = true, .workers = 0});
    const Batch& batch = *loader.next();
    const Model::Evaluation model = project.model().evaluation(
        {.mode = Mode::training, .dtype = DType::float64, .batch_size = batch.size()});
    Compute::Options options = project.compute();
    if (!device_.empty()) options.device = device_;
    const Compute compute(options);
    Variables variables(compute.stream());
    variables.allocate(model.graph);
    const Schema& schema = project.model().pipeline().batch();
    std::map<std::string, Tensor> inputs;
    for (std::size_t i = 0; i < schema.size(); ++i) inputs[schema[i].name] = batch.tensors[i];
    const std::vector<Value> trained = trainable_variables(model.graph, project.config().train.freeze);
    const std::vector<GradientError> errors =
        check_gradients({model.graph, model.loss, variables, inputs}, trained, structural_ops(),
                        {.elements = elements_}, compute.stream());
    return print(errors) ? 0 : 1;
  }

 private:
  bool print(const std::vector<GradientError>& errors) const {
    std::size_t width = 9;
    for (const GradientError& error : errors) width = std::max(width, error.name.size());
    std::cout << std::left << std::setw(int(width) + 2) << "parameter" << std::right << std::setw(9)
              << "checked" << std::setw(9) << "kinks" << std::setw(14) << "worst error" << '\n';
    bool good = true;
    for (const GradientError& error : errors) {
      const bool fits = error.worst <= tolerance_;
      good &= fits;
      std::cout << std::left << std::setw(int(width) + 2) << error.name << std::right << std::setw(9)
                << error.checked << std::setw(9) << error.skipped << std::setw(14) << std::setprecision(3)
                << error.worst;
      if (!fits) {
        std::cout << "  differs at element " << error.element << ": gradient " << error.analytic
                  << ", differences " << error.numeric;
      }
      std::cout << '\n';
    }
    std::cout << (good ? "All gradients agree." : "Some gradients differ.") << '\n';
    return good;
  }

  std::string config_;
  std::vector<std::string> assignments_;
  std::int64_t samples_ = 4;
  std::int64_t elements_ = 20;
  double tolerance_ = 1e-5;
  std::string device_;
  int threads_ = default_threads();
};

const RegisterVerb<CheckVerb> registered;

}  // namespace
}  // namespace slipway
