#include <csignal>
#include <iostream>
#include <optional>

#include "tools/slipway/shared_options.h"
#include "tools/slipway/verb.h"
#include "tools/train/observers.h"
#include "tools/train/project.h"
#include "tools/train/run_state.h"
#include "tools/train/trainer.h"
#include "tools/train/tuned_choices.h"

namespace slipway {
namespace {

constexpr const char* kDefaultRuns = "runs";

/// A word as a POSIX shell reads it.
std::string shell_quoted(const std::string& word) {
  constexpr const char* kPlain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-+=./,:@%";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos) return word;
  std::string quoted = "'";
  for (const char c : word) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

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
    add_config_option(app, config_);
    add_assignments_option(app, assignments_);
    app.add_flag("--resume", resume_, "go on where the run of this name stopped");
    add_threads_option(app, threads_);
    add_device_option(app, device_);
    app.add_flag("--synchronous", synchronous_,
                 "wait for each op, slowly, so that an error of a GPU names the op that caused it");
    app.add_option("--runs", runs_, "where run directories are made")->capture_default_str();
    app.add_flag("--quiet", quiet_, "print nothing but errors");
  }

  int run() override {
    const Project project(config_, assignments_, threads_, [this](std::int64_t done, std::int64_t total) {
      if (!quiet_ && done == total) std::cout << "Measured the statistics of " << total << " samples.\n";
    });
    // A resumed run makes the choices that it made before, so that it computes the same bits.
    TunedChoices choices;
    std::optional<RunDirectory> directory;
    if (resume_) {
      directory.emplace(open_directory(project.config()));
      choices.load(directory->tuner());
    }
    Compute::Options options = project.compute(choices.tuner());
    if (!device_.empty()) options.device = device_;
    options.synchronous = synchronous_;
    const Compute compute(options);
    const Stream& stream = compute.stream();
    TrainingProgram program(project.model(), stream, project.config().train.batch_size);
    Validation validation(project.source(), project.model(), stream, program.evaluated());
    Trainer trainer({.config = project.config(),
                     .source = project.source(),
                     .model = project.model(),
                     .program = program,
                     .validation = validation,
                     .stream = stream,
                     .resume_command = resume_command()});
    if (!resume_) initialize(program, project);
    // From here on nothing is wrong with the configuration: a mistake leaves no directory behind.
    if (!directory) directory.emplace(open_directory(project.config()));
    if (resume_) resume(trainer, program, project, *directory);
    if (trainer.finished()) {
      say("Nothing is left to train; a larger train.epochs or train.max_steps goes on.");
      return 0;
    }
    const Observers observers =
        make_observers(*directory, quiet_ ? ConsoleOutput::quiet : ConsoleOutput::shown);
    const RunEnd end = trainer.run(*directory, observers);
    choices.save();
    return end.reason == RunEnd::Reason::interrupted ? 128 + trainer.stop_signal() : 0;
  }

 private:
  void resume(Trainer& trainer, TrainingProgram& program, const Project& project,
              const RunDirectory& directory) const {
    const std::optional<Trainer::Resumed> resumed = trainer.resume(directory);
    if (!resumed) {
      say(text(directory.path(), " has no checkpoint yet, so training starts from the beginning."));
      return initialize(program, project);
    }
    for (const std::string& warning : resumed->warnings) std::cerr << "slipway train: " << warning << '\n';
    say(text("Resumed from ", resumed->from, " after step ", trainer.progress().step, "."));
  }

  void initialize(TrainingProgram& program, const Project& project) const {
    if (project.config().train.init_from.empty()) return;
    const std::string path = find_checkpoint(project.source().resolve(project.config().train.init_from));
    say(text("Initialised from ", path, ": ", initialize_from(program, read_checkpoint(path))));
  }

  /// This command, to be typed again after a signal.
  std::string resume_command() const {
    std::string command = "slipway train " + shell_quoted(config_);
    for (const std::string& assignment : assignments_) command += " --set " + shell_quoted(assignment);
    if (runs_ != kDefaultRuns) command += " --runs " + shell_quoted(runs_);
    if (threads_ != default_threads()) command += text(" --threads ", threads_);
    if (!device_.empty()) command += " --device " + shell_quoted(device_);
    return command + (quiet_ ? " --quiet" : "") + " --resume";
  }

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
  bool synchronous_ = false;
  std::string device_;
  int threads_ = default_threads();
  std::string runs_ = kDefaultRuns;
};

const RegisterVerb<TrainVerb> registered;

}  // namespace
}  // namespace slipway
