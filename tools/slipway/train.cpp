#include <csignal>
#include <iostream>

#include "tools/slipway/verb.h"
#include "tools/train/observers.h"
#include "tools/train/project.h"
#include "tools/train/run_state.h"
#include "tools/train/trainer.h"

namespace slipway {
namespace {

class TrainVerb : public Verb {
 public:
  std::string name() const override { return "train"; }
  std::string summary() const override { return "Train a model as a YAML file describes it"; }
  std::string details() const override {
    return "Everything that a run produces lies in runs/NAME: the resolved configuration, metrics as CSV, "
           "JSON lines and\n"
           "TensorBoard events, checkpoints, and report.html. Ctrl-C finishes the step, saves, and says how "
           "to go on.\n\n"
           "Examples:\n"
           "  slipway train configs/mnist_cnn.yaml\n"
           "  slipway train configs/mnist_cnn.yaml --set train.epochs=3 --set "
           "train.optimizer.adamw.learning_rate=2e-3\n"
           "  slipway train configs/mnist_cnn.yaml --resume";
  }
  void options(CLI::App& app) override {
    app.add_option("CONFIG", config_, "YAML file of the run")->required();
    app.add_option("--set", assignments_, "change a setting: --set train.batch_size=32 (may be repeated)");
    app.add_flag("--resume", resume_, "go on where the run of this name stopped");
    app.add_option("--threads", threads_, "CPU threads")->capture_default_str()->check(CLI::Range(1, 1024));
    app.add_option("--runs", runs_, "where run directories are made")->capture_default_str();
    app.add_flag("--quiet", quiet_, "print nothing but errors");
  }

  int run() override {
    const Project project(config_, assignments_, threads_, [this](std::int64_t done, std::int64_t total) {
      if (!quiet_ && done == total) std::cout << "Measured the statistics of " << total << " samples.\n";
    });
    TrainingProgram program(project.model(), project.stream(), project.config().train.batch_size);
    RunDirectory directory = open_directory(project.config());
    Observers observers = make_observers(directory, quiet_ ? ConsoleOutput::quiet : ConsoleOutput::shown);
    Trainer trainer({.config = project.config(),
                     .source = project.source(),
                     .model = project.model(),
                     .program = program,
                     .directory = directory,
                     .observers = observers,
                     .stream = project.stream()});
    if (resume_)
      say(trainer.resume());
    else if (!project.config().train.init_from.empty()) {
      const std::string path = project.source().resolve(project.config().train.init_from);
      say(text("Initialised from ", path, ": ", initialize_from(program, read_checkpoint(path))));
    }
    const RunEnd end = trainer.run();
    return end.reason == RunEnd::Reason::interrupted ? 128 + trainer.stop_signal() : 0;
  }

 private:
  RunDirectory open_directory(const RunConfig& config) const {
    if (!resume_) return RunDirectory::create(runs_, config.name);
    std::optional<RunDirectory> directory = RunDirectory::resume(runs_, config.name);
    require_user(directory.has_value(), runs_, '/', config.name,
                 ": does not exist, so there is nothing to resume; expected a "
                 "run that `slipway train ",
                 config_, "` began");
    return std::move(*directory);
  }

  void say(const std::string& sentence) const {
    if (!quiet_) std::cout << sentence << std::endl;
  }

  std::string config_;
  std::vector<std::string> assignments_;
  bool resume_ = false;
  bool quiet_ = false;
  int threads_ = default_threads();
  std::string runs_ = "runs";
};

const RegisterVerb<TrainVerb> registered;

}  // namespace
}  // namespace slipway
