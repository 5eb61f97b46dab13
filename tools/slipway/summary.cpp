#include "tools/train/summary.h"

#include <iostream>

#include "tools/slipway/shared_options.h"
#include "tools/slipway/verb.h"
#include "tools/train/project.h"

namespace slipway {
namespace {

class SummaryVerb : public Verb {
 public:
  std::string name() const override { return "summary"; }
  std::string summary() const override {
    return "Show a model's layers, shapes, parameters, FLOPs and memory";
  }
  std::string details() const override {
    return "Example:\n  slipway summary configs/mnist_cnn.yaml --batch 1";
  }
  void options(CLI::App& app) override {
    add_config_option(app, config_);
    add_assignments_option(app, assignments_);
    app.add_option("--batch", batch_, "samples a batch; by default the configuration's")
        ->check(CLI::PositiveNumber);
  }

  int run() override {
    const Project project(config_, assignments_, default_threads());
    const std::int64_t batch = batch_ > 0 ? batch_ : project.config().train.batch_size;
    std::cout << summarize(project.model(), batch);
    return 0;
  }

 private:
  std::string config_;
  std::vector<std::string> assignments_;
  std::int64_t batch_ = 0;
};

const RegisterVerb<SummaryVerb> registered;

}  // namespace
}  // namespace slipway
