#include "tools/train/summary.h"

#include <iostream>

#include "tools/slipway/shared_options.h"
#include "tools/slipway/verb.h"
#include "tools/train/project.h"
#include "tools/train/training_program.h"

namespace slipway {
namespace {

/// What a step of training holds in memory on the configured device.
void print_training_memory(const Project& project, std::int64_t batch) {
  std::cout << "training step: ";
  try {
    const Compute compute(project.compute());
    const TrainingProgram program(project.model(), compute.stream(), batch);
    std::size_t variables = 0;
    for (const std::string& name : program.variables().names())
      variables += program.variables()[name].type().bytes();
    for (const VariableArena::Member& member : program.arena().members)  // they lie in a variable of its own
      variables -= program.variables()[member.name].type().bytes();
    std::cout << bytes_text(program.planned_bytes())
              << " for activations, gradients and scratch (recompute: " << project.config().train.recompute
              << "), " << bytes_text(variables) << " for parameters, optimizer and other state\n";
  } catch (const UserError& error) {  // such as a batch of one sample for batch normalisation
    std::cout << "not for this batch: " << error.what() << '\n';
  }
}

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
    print_training_memory(project, batch);
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
